internal import Bytes
internal import Snapshots

/// Sections that this node has already, in snapshots it pulled before: what makes a pull a delta.
struct HeldSections {
  private struct Holder {
    let path: String
    let tag: SectionTag
  }

  private var holders: [SHA256Digest: Holder] = [:]
  private var opened: [String: Snapshot] = [:]

  /// Of snapshots whose bytes were checked once.
  init(_ snapshots: [LocalSnapshot]) {
    for snapshot in snapshots where snapshot.isVerified {
      for section in snapshot.manifest.sections {
        holders[section.digest] = Holder(path: snapshot.path, tag: section.tag)
      }
    }
  }

  /// Hands over the content of a section in pieces, if it is here and still what its digest says: what a disk did to it
  /// since is found before a byte of it is used. False when it has to be fetched.
  mutating func copy(
    _ section: Manifest.Section, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> Bool {
    guard let holder = holders[section.digest], let snapshot = snapshot(holder.path),
      let entry = try? snapshot.entry(holder.tag), entry.byteCount == section.size
    else { return false }
    let bytes = snapshot.bytes(of: entry)
    guard SHA256.digest(bytes) == section.digest else { return false }
    var start = 0
    while start < bytes.byteCount {
      let end = min(start + Self.pieceBytes, bytes.byteCount)
      try take(bytes.extracting(start..<end))
      start = end
    }
    return true
  }

  /// So that progress is told of large sections, too.
  private static let pieceBytes = 8 << 20

  private mutating func snapshot(_ path: String) -> Snapshot? {
    if let known = opened[path] { return known }
    let snapshot = try? Snapshot.open(path: path, verify: .structure)
    opened[path] = snapshot
    return snapshot
  }
}
