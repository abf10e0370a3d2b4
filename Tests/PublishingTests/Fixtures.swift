import FoundationEssentials
import Publishing
import Snapshots
import Synchronization
import TestSupport

@testable import Publishing

let someDetails = Manifest.Details(
  createdAtSeconds: 1_795_364_439, metric: "dot", dimension: 64, counts: ["items": 3, "users": 2],
  metrics: ["recall@20": 0.15], annotations: ["git.commit": "abc"])

/// Bytes that LZ4 can shrink, but not to nothing.
func someBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SeededRandom(seed: seed)
  var bytes = [UInt8](repeating: 0, count: count)
  for start in stride(from: 0, to: count, by: 8) {
    let word = random.next() & 0x0707_0707_0707_0707
    for place in 0..<min(8, count - start) {
      bytes[start + place] = UInt8(truncatingIfNeeded: word >> UInt64(8 * place))
    }
  }
  return bytes
}

/// A folder with a repository, a data directory and snapshot files.
final class Workplace {
  let folder = TemporaryFolder()
  var repository: FolderRepository { FolderRepository(path: folder.file("repository")) }
  var store: SnapshotStore { SnapshotStore(dataDirectory: folder.file("data")) }

  /// Writes a snapshot file of some sections and returns its path.
  func snapshot(_ sections: [(SectionTag, [UInt8])], named name: String = "x.ntsnap") throws -> String {
    var writer = try SnapshotWriter(path: folder.file(name))
    for (tag, bytes) in sections { try writer.add(tag, bytes.span.bytes) }
    try writer.seal()
    return folder.file(name)
  }

  /// Publishes a version with one section of its own beside one that all have.
  @discardableResult
  func publish(_ seed: UInt64 = 1, model: String = "home", to repository: FolderRepository? = nil) throws
    -> PublishedVersion
  {
    let path = try snapshot(sections(seed))
    return try (repository ?? self.repository).publish(snapshotPath: path, model: model, details: someDetails)
  }

  func sections(_ seed: UInt64) -> [(SectionTag, [UInt8])] {
    [("same", someBytes(70_000, seed: 0)), ("own", someBytes(9000, seed: seed)), ("empty", [])]
  }

  func path(inRepository name: String) -> String { folder.file("repository/models/home/\(name)") }
  func path(inData name: String) -> String { folder.file("data/models/home/\(name)") }

  func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

  func overwrite(_ path: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }

  /// Every file below a folder.
  func files(below path: String) -> [String] {
    names(path).flatMap { name -> [String] in
      let child = "\(path)/\(name)"
      return isFolder(child) ? files(below: child) : [child]
    }
  }
}

/// A disk that tells of each step before it is taken; the hook may throw in the step's place.
func watchedDisk(_ hook: @escaping @Sendable (Int, Disk.Step, String) throws(DiskError) -> Void) -> Disk {
  let counter = StepCounter()
  return Disk { (step, path) throws(DiskError) in try hook(counter.next(), step, path) }
}

private final class StepCounter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// How many names a file has.
func links(_ path: String) -> Int {
  (try? FileManager.default.attributesOfItem(atPath: path)[.referenceCount] as? Int) ?? 0
}

/// Copies a folder whose files are linked, not copied.
func linkTree(_ source: String, _ target: String) {
  try! Disk().makeFolder(target)
  for name in names(inFolder: source) ?? [] {
    let (from, to) = ("\(source)/\(name)", "\(target)/\(name)")
    if isFolder(from) { linkTree(from, to) } else { try! Disk().link(from, to: to) }
  }
}

extension RepositoryWatcher {
  /// What a node does when an operator goes back.
  mutating func rollBack() -> [Action] { pin(previous?.version) }
}
