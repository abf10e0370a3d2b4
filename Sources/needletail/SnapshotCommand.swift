import ArgumentParser
import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots

struct SnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Make snapshot files from factors, look into them, check and compare them.",
    subcommands: [Build.self, Inspect.self, Verify.self, Diff.self])

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a snapshot's sections and what it holds.")

    @Argument(help: "Snapshot file.") var file: String
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      try reporting {
        let snapshot = try open(file, .checksums)
        let report = SnapshotReport(snapshot, digests: json)
        if json { return try printJSON(report) }
        let model = try read(snapshot)
        print("\(file): \(snapshot.byteCount) bytes")
        print(
          "\(model.itemCount) items, \(model.userCount) users, \(model.segmentCount) segments, \(model.categoryCount) categories"
        )
        print("\(model.dimension) dimensions by \(model.metric)")
        for section in report.sections {
          print("  \(section.tag)\(String(repeating: " ", count: max(1, 10 - section.tag.count)))\(section.size) bytes")
        }
        for (name, value) in model.provenance.metrics.sorted(by: { $0.key < $1.key }) { print("  \(name): \(value)") }
      }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every byte of a snapshot file as a gateway would before it serves it.",
      discussion: """
        needletail snapshot verify films.ntsnap
        needletail snapshot verify films.ntsnap --against var/data/models/films/7-1f2e3d4c.ntsnap

        With --against all gates of a gateway are passed through as well; their thresholds stand under gates: in the \
        configuration.
        """)

    @Argument(help: "Snapshot file.") var file: String
    @Option(help: "Snapshot file that serves, to be compared with; none for the gates of a first version.")
    var against: String?
    @Option(name: .customLong("config"), help: "Configuration file with other thresholds under gates:.")
    var configuration: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      try reporting {
        if let against { return try prove(against == "none" ? nil : against) }
        let report = VerificationReport.verify(path: file)
        if json { try printJSON(report) }
        guard report.isValid else {
          throw CommandFailure(report.reason == .fetchFailed ? .noInput : .data, report.detail)
        }
        _ = try read(open(file, .checksums))
        if !json { print("\(file): \(report.detail); every section reads as a model") }
      }
    }
  }
}

func open(_ file: String, _ verification: Snapshot.Verification) throws -> Snapshot {
  do { return try Snapshot.open(path: file, verify: verification) } catch { throw CommandFailure(.data, "\(error)") }
}

func read(_ snapshot: Snapshot) throws -> ServingModel {
  do {
    return try ServingModel(snapshot, name: "inspected", version: 0, digest: SHA256.digest(RawSpan()))
  } catch { throw CommandFailure(.data, "\(error)") }
}

func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
