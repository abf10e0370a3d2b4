internal import Bytes

/// Writes a snapshot file: sections in the order they are added, then `seal`. Dropped unsealed, it leaves nothing.
public struct SnapshotWriter: ~Copyable {
  private let output: TemporaryFile
  private var sections: [SectionEntry] = []
  /// The section being written: its tag, where it starts, and the checksum of what it has so far.
  private var tag: SectionTag?
  private var start = SnapshotFormat.headerBytes
  private var checksum = XXH3()

  /// The file appears at `path` when the writer is sealed, in place of one that may be there.
  public init(path: String) throws(SnapshotError) { try self.init(path: path, disk: Disk()) }

  package init(path: String, disk: Disk) throws(SnapshotError) {
    output = try Self.created(path, disk)
  }

  private static func created(_ path: String, _ disk: Disk) throws(SnapshotError) -> TemporaryFile {
    do {
      let output = try TemporaryFile(target: path, disk: disk)
      try output.appendZeros(SnapshotFormat.headerBytes)
      return output
    } catch { throw SnapshotError(error, writing: path) }
  }

  public mutating func add(_ tag: SectionTag, _ section: SectionBuilder) throws(SnapshotError) {
    try add(tag, section.bytes.span.bytes)
  }

  public mutating func add(_ tag: SectionTag, _ bytes: RawSpan) throws(SnapshotError) {
    try begin(tag)
    try append(bytes)
  }

  /// Starts a section whose bytes come in pieces, by `append`. It ends where the next one starts, or with `seal`.
  public mutating func begin(_ tag: SectionTag) throws(SnapshotError) {
    endSection()
    guard sections.count < SnapshotFormat.sectionsMax else {
      throw refused("has more than \(SnapshotFormat.sectionsMax) sections", tag)
    }
    guard !sections.contains(where: { $0.tag == tag }) else { throw refused("has two sections of one tag", tag) }
    try pad()
    self.tag = tag
    start = output.byteCount
  }

  public mutating func append(_ bytes: RawSpan) throws(SnapshotError) {
    precondition(tag != nil, "append before begin")
    checksum.update(bytes)
    do { try output.append(bytes) } catch { throw SnapshotError(error, writing: output.target) }
  }

  /// Writes the header and puts the file in its place, durably. What stood there before stays mapped where it is.
  public consuming func seal() throws(SnapshotError) {
    endSection()
    try pad()
    let header = SnapshotHeader(fileBytes: output.byteCount, sections: sections).encoded()
    do {
      try output.replace(at: 0, header.span.bytes)
      try output.seal()
    } catch { throw SnapshotError(error, writing: output.target) }
  }

  private mutating func endSection() {
    guard let tag else { return }
    sections.append(
      SectionEntry(tag: tag, offset: start, byteCount: output.byteCount - start, checksum: checksum.finish()))
    checksum = XXH3()
    self.tag = nil
  }

  private func pad() throws(SnapshotError) {
    do { try output.appendZeros(aligned(output.byteCount) - output.byteCount) } catch {
      throw SnapshotError(error, writing: output.target)
    }
  }

  private func refused(_ detail: String, _ tag: SectionTag) -> SnapshotError {
    SnapshotError(.manifestInvalid, detail, file: output.target, section: tag)
  }
}

extension SnapshotError {
  init(_ error: DiskError, writing file: String) {
    self.init(.writeFailed, error.description, file: file)
  }
}
