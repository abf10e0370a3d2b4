import ArgumentParser
import Configuration
import FoundationEssentials
import Gateway
import Glibc
import Publishing
import Trainer

struct Quickstart: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Everything at once: train if there is no snapshot, start memcached if none is given, serve.",
    discussion: "This is what `make serve` runs. What it started ends with it.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Interactions to train on: a file or folder as `train` takes it. Without it, a generated catalogue.")
  var data: String?

  func run() throws {
    try reporting {
      var settings = try options.settings()
      startLogging(settings)
      if settings.model == nil { settings.model = modelName }
      try trainIfEmpty(settings)
      // Held until the server has stopped.
      let memcached = try startMemcached(&settings)
      try withExtendedLifetime(memcached) {
        if !settings.memcachedServers.isEmpty {
          let counts = try precompute(settings)
          printError("\(counts.written) segment lists precomputed, \(counts.bytes) bytes")
        }
        let server = try makeServer(settings)
        try serving { try server.run { printHints(settings, "\(server.address)", "\(server.adminAddress)") } }
      }
    }
  }

  /// A folder of data gets a model of its own, so that it never mixes with the generated catalogue.
  private var modelName: String {
    guard let data else { return "catalogue" }
    let name = URL(filePath: data).deletingPathExtension().lastPathComponent.lowercased()
    let clean = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(32))
    return clean.isEmpty ? "data" : clean
  }

  private func trainIfEmpty(_ settings: Settings) throws {
    let model = settings.model!
    let versions = (try? FolderRepository(path: settings.repository).versions(of: model)) ?? []
    guard versions.isEmpty else {
      return printError("serving \(model) version \(versions.max()!) of \(settings.repository)")
    }
    var interactions = data ?? ""
    var items: String?
    if data == nil {
      let folder = settings.dataDirectory + "/catalogue"
      printError("no snapshot yet: making a catalogue in \(folder)")
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var generator = CatalogueGenerator()
        // Its last events are of now, so that trends and freshness mean something.
        generator.endsAt = UInt32(clamping: time(nil))
        try generator.write(to: folder)
      } catch { throw CommandFailure(.cannotWrite, "\(error)") }
      interactions = folder + "/interactions.csv"
      items = folder + "/items.csv"
    }
    printError("no snapshot of \(model) in \(settings.repository): training one on \(interactions)")
    var run = TrainingRun(interactions: interactions, items: items, repository: settings.repository, model: model)
    run.identityKeyFile = settings.identityKeyFile
    printError(try run.perform().summary)
  }

  private func startMemcached(_ settings: inout Settings) throws -> OwnMemcached? {
    guard settings.memcachedServers.isEmpty, !options.memcached.contains("none") else { return nil }
    let memcached = try OwnMemcached(memoryMegabytes: 64)
    settings.memcachedServers = [memcached.address]
    printError("started memcached on \(memcached.address)")
    return memcached
  }

  private func printHints(_ settings: Settings, _ address: String, _ admin: String) {
    let (user, item) = examples(settings)
    print(
      """

      Needletail serves \(settings.model!) on http://\(address). Try:

        curl -i 'http://\(address)/v1/placements/home/recommendations?userId=\(user)&numResults=5'
        curl 'http://\(address)/v1/placements/detail/recommendations?itemId=\(item)&numResults=5'
        curl http://\(admin)/admin/v1/models

      Ctrl-C ends it and what it started.
      """)
    // Into a pipe or file the lines would wait in a buffer until the end.
    fflush(nil)
  }

  /// A user and an item that the data has, from its first row, so that the hints work as they are.
  private func examples(_ settings: Settings) -> (user: String, item: String) {
    let folder = data ?? settings.dataDirectory + "/catalogue"
    for file in [folder, folder + "/ratings.csv", folder + "/interactions.csv"] {
      guard let reader = firstLines(of: file), reader.count > 1 else { continue }
      let row = reader[1].split(whereSeparator: { ",\t ".contains($0) })
      if row.count > 1 { return (String(row[0]), String(row[1])) }
    }
    return ("1", "1")
  }
}

/// The lines in a file's first 4 KiB; nil when it is no file that can be read.
private func firstLines(of path: String) -> [Substring]? {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = read(descriptor, &bytes, bytes.count)
  return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self).split(whereSeparator: \.isNewline) : nil
}
