import ArgumentParser
import FoundationEssentials
import LoadLab
import LoadReport

/// From exec to the first 200 of /readyz, with the snapshot on the node's own disk.
struct Startup: ScenarioCommand {
  static let scenario = "startup"
  static let summary = "from exec to /readyz 200 on a local snapshot, the catalogue's and a larger one"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Starts of each kind.") var rounds = 5
  @Option(help: "Items of the larger snapshot, of 128 dimensions; 0 leaves it out.") var items = 1_000_000
  @Flag(help: "Take the larger snapshot that an earlier run left in var/.") var reuse = false

  /// The goal at a million items.
  static let readyMillisecondsMax = 200.0

  var described: [String: String] { ["rounds": "\(rounds)", "items": "\(items)", "reuse": "\(reuse)"] }

  func validate() throws {
    guard rounds > 0, items >= 0 else { throw ValidationError("--rounds must be above 0") }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let repository = try Catalogue(lab).repository()
    var kinds = [("catalogue", repository, try pulled(lab, repository))]
    if items > 0 {
      let catalogue = try TasteCatalogue(items: items, users: TasteCatalogue.standardUsers, dimensions: 128)
      if !catalogue.isMade { note("making a catalogue of \(items) items in \(catalogue.folder)") }
      try catalogue.make()
      let large = try catalogue.repository(lab, reuse: reuse, note: note).path
      kinds.append(("\(Format.count(Double(items))) items", large, try pulled(lab, large)))
    }
    kinds.append(("\(kinds.last!.0), no repository", "\(lab.folder)/nowhere", kinds.last!.2))
    var table = TextTable(["snapshot", "exec to ready", "spread, ms"])
    for (name, source, data) in kinds {
      let times = try (0..<rounds).map { _ in try start(lab, source, data) }
      let spread = Spread(times)!
      report.note(name, ["milliseconds": Figure(encoding: spread)])
      table.add([name, Format.time(microseconds: spread.median * 1000), spread.range(places: 0)])
      report.check(
        spread.median <= Self.readyMillisecondsMax || items > 1_000_000,
        "\(name): ready after \(Format.digits(spread.median)) ms, not \(Format.digits(Self.readyMillisecondsMax))")
    }
    report.add(
      heading: "Start", text: "The file is in the page cache: a start after a crash or an upgrade, not after a reboot.")
    report.add(table)
  }

  /// A data folder as a gateway leaves it: pulled, verified, noted as the last good one.
  private func pulled(_ lab: Lab, _ repository: String) throws -> String {
    let gateway = try GatewayProcess(lab, "first", repository: repository).waitUntilReady(within: 120)
    let marker = "\(gateway.dataFolder)/models/\(Catalogue.model)/last-good"
    let came = try waitUntil(within: 10) { () throws(LabError) in FileManager.default.fileExists(atPath: marker) }
    guard came else { throw LabError.trouble("the gateway noted no last good snapshot:\n\(gateway.process.said())") }
    gateway.process.end()
    return gateway.dataFolder
  }

  /// Milliseconds.
  private func start(_ lab: Lab, _ repository: String, _ data: String) throws -> Double {
    let gateway = try GatewayProcess(lab, "start", repository: repository, dataFolder: data)
    let came = try waitUntil(within: 30, every: 0.0005) { () throws(LabError) in
      gateway.isReady || !gateway.process.isAlive
    }
    let taken = (monotonicSeconds() - gateway.startedSeconds) * 1000
    guard came, gateway.process.isAlive else {
      throw LabError.trouble("the gateway did not become ready:\n\(gateway.process.said())")
    }
    gateway.process.end()
    return taken
  }
}
