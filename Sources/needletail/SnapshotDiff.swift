import ArgumentParser
import Bytes
import Model
import Publishing
import Snapshots

extension SnapshotCommand {
  /// What publishing one snapshot after another would send, and what it would change.
  struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Compare two snapshots: sections that changed, items that came and went, how far vectors moved.",
      discussion: """
        needletail snapshot diff yesterday.ntsnap today.ntsnap

        Sections that are the same are not sent again when the second is published after the first. Vectors are compared \
        where an item is in both: cosine is 1 for the same direction. Two trainings from different seeds turn all \
        vectors, though their lists are alike.
        """)

    @Argument(help: "Snapshot file.") var before: String
    @Argument(help: "Snapshot file.") var after: String
    @Option(help: "Ids of items that came and went to name, at most.") var names = 10
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard (0...100_000).contains(names) else { throw ValidationError("--names must be 0 to 100000") }
    }

    func run() throws {
      try reporting {
        let report = SnapshotDifference(
          sections: SectionDifference.list(try open(before, .checksums), try open(after, .checksums)),
          models: ModelDifference(try read(open(before, .structure)), try read(open(after, .structure)), names: names))
        if json { return try printJSON(report) }
        print(report.text)
      }
    }
  }
}

/// A section in both snapshots, or in one.
struct SectionDifference: Encodable {
  enum Change: String, Encodable { case same, changed, added, removed }

  let tag: String
  let change: Change
  /// Raw bytes; nil where it is not.
  let before, after: Int?

  /// In the order of the second file, then those that it lacks. O(bytes).
  static func list(_ before: Snapshot, _ after: Snapshot) -> [SectionDifference] {
    let old = Dictionary(before.sections.map { ($0.tag, $0) }, uniquingKeysWith: { first, _ in first })
    let present = after.sections.map { entry in
      guard let was = old[entry.tag] else {
        return SectionDifference(tag: "\(entry.tag)", change: .added, before: nil, after: entry.byteCount)
      }
      let (left, right) = (before.bytes(of: was), after.bytes(of: entry))
      return SectionDifference(
        tag: "\(entry.tag)", change: equal(left, right) ? .same : .changed, before: was.byteCount,
        after: entry.byteCount)
    }
    let tags = Set(after.sections.map(\.tag))
    return present
      + before.sections.filter { !tags.contains($0.tag) }.map {
        SectionDifference(tag: "\($0.tag)", change: .removed, before: $0.byteCount, after: nil)
      }
  }
}

private struct SnapshotDifference: Encodable {
  var schemaVersion = 1
  let sections: [SectionDifference]
  let bytesToSend: Int
  let models: ModelDifference

  init(sections: [SectionDifference], models: ModelDifference) {
    self.sections = sections
    self.models = models
    bytesToSend = sections.filter { $0.change == .changed || $0.change == .added }.reduce(0) { $0 + ($1.after ?? 0) }
  }

  var text: String {
    var lines: [String] = []
    for section in sections {
      let sizes = [section.before, section.after].map { $0.map(String.init) ?? "none" }
      let size = section.change == .same ? "\(sizes[1]) bytes" : "\(sizes[0]) -> \(sizes[1]) bytes"
      lines.append("  \(padded(section.tag, 10))\(padded(section.change.rawValue, 9))\(size)")
    }
    let changed = sections.filter { $0.change != .same }.count
    lines.append("\(changed) of \(sections.count) sections differ: \(bytesToSend) bytes to send, before compression")
    return (lines + models.lines).joined(separator: "\n")
  }
}
