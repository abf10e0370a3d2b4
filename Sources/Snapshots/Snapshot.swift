internal import Bytes

/// One immutable snapshot file, mapped read-only, its structure checked.
///
/// Shared by all workers; the memory goes back when the last of them lets go. Columns and tables that come out of it
/// borrow from it.
public final class Snapshot: Sendable {
  public enum Verification: Sendable {
    /// Reads the whole file and compares every section's checksum. O(bytes).
    case checksums
    /// Checks header, table and padding only: for a file whose checksums held when it was stored. O(sections).
    case structure
  }

  public static let sectionsMax = SnapshotFormat.sectionsMax

  /// The path it was opened under, or the name it was given.
  public let file: String
  /// In the order of the file.
  public let sections: [SectionEntry]
  private let mapping: Mapping
  private let places: [SectionTag: Int]

  public static func open(path: String, verify: Verification) throws(SnapshotError) -> Snapshot {
    try Snapshot(mapping: Mapping(path: path), file: path, verify: verify)
  }

  /// A snapshot out of bytes in memory, which are copied.
  public static func load(copying bytes: RawSpan, name: String, verify: Verification) throws(SnapshotError) -> Snapshot
  {
    let mapping = bytes.withUnsafeBytes { Mapping(copying: $0) }
    return try Snapshot(mapping: mapping, file: name, verify: verify)
  }

  /// A snapshot that never was a file: what `SnapshotWriter` would have written of these sections, in memory.
  public static func inMemory(
    _ sections: [(SectionTag, SectionBuilder)], name: String = "memory"
  ) throws(SnapshotError) -> Snapshot {
    let bytes = composed(sections)
    return try load(copying: bytes.span.bytes, name: name, verify: .structure)
  }

  private init(mapping: Mapping, file: String, verify: Verification) throws(SnapshotError) {
    let all = mapping.bytes
    let header = try SnapshotHeader.decode(all, fileBytes: mapping.byteCount, file: file)
    self.file = file
    self.mapping = mapping
    sections = header.sections
    places = Dictionary(uniqueKeysWithValues: header.sections.enumerated().map { ($1.tag, $0) })
    try checkPadding()
    if verify == .checksums { try checkSections() }
  }

  public var byteCount: Int { mapping.byteCount }

  public func has(_ tag: SectionTag) -> Bool { places[tag] != nil }

  /// A reader at the start of a section.
  public func section(_ tag: SectionTag) throws(SnapshotError) -> SectionReader {
    let entry = try entry(tag)
    return SectionReader(base: mapping.base + entry.offset, byteCount: entry.byteCount, tag: tag, file: file)
  }

  public func entry(_ tag: SectionTag) throws(SnapshotError) -> SectionEntry {
    guard let place = places[tag] else {
      throw SnapshotError(.tensorInvalid, "the section is missing", file: file, section: tag)
    }
    return sections[place]
  }

  /// The bytes of one of `sections`.
  @_lifetime(borrow self)
  public func bytes(of entry: SectionEntry) -> RawSpan {
    precondition(entry.offset >= 0 && entry.byteCount >= 0 && entry.offset <= byteCount - entry.byteCount)
    let span = RawSpan(_unsafeStart: mapping.base + entry.offset, byteCount: entry.byteCount)
    return _overrideLifetime(span, borrowing: self)
  }

  /// Brings the whole file into memory before the first request needs it. Blocks for as long as the disk takes.
  public func prefault() { mapping.prefault() }

  /// How much of the file is in memory just now. O(pages).
  public var residentBytes: Int { mapping.residentBytes }

  private func checkPadding() throws(SnapshotError) {
    var freeFrom = SnapshotFormat.headerBytes
    for section in sections {
      try checkZero(freeFrom..<section.offset)
      freeFrom = section.end
    }
    try checkZero(freeFrom..<byteCount)
  }

  private func checkZero(_ range: Range<Int>) throws(SnapshotError) {
    let mapping = mapping  // What is borrowed from must outlive the statement.
    guard isZero(mapping.bytes, range) else {
      throw SnapshotError(.digestMismatch, "has bytes in the padding", file: file, offset: range.lowerBound)
    }
  }

  private func checkSections() throws(SnapshotError) {
    for section in sections {
      let content = bytes(of: section)
      guard xxh3(content) != section.checksum else { continue }
      throw SnapshotError(
        .digestMismatch, "the section's checksum does not hold", file: file, section: section.tag)
    }
  }
}

/// The bytes of a file of these sections.
func composed(_ sections: [(SectionTag, SectionBuilder)]) -> [UInt8] {
  var entries: [SectionEntry] = []
  var bytes = [UInt8](repeating: 0, count: SnapshotFormat.headerBytes)
  for (tag, section) in sections {
    entries.append(
      SectionEntry(
        tag: tag, offset: bytes.count, byteCount: section.bytes.count, checksum: xxh3(section.bytes.span.bytes)))
    bytes += section.bytes
    bytes.append(contentsOf: repeatElement(0, count: aligned(bytes.count) - bytes.count))
  }
  let header = SnapshotHeader(fileBytes: bytes.count, sections: entries).encoded()
  bytes.replaceSubrange(0..<header.count, with: header)
  return bytes
}
