internal import Bytes

#if _endian(big)
  #error("Snapshots are little endian and read in place.")
#endif

// The file, little endian:
//
//     header, 4096 bytes
//       0     "NTSNAP01"
//       8     u32 format version, 1
//       12    u32 section count, at most 125
//       16    u64 length of the file
//       24    zeros
//       64    per section: tag (8 bytes), u64 offset, u64 length, u64 XXH3
//       …     zeros
//       4088  u64 XXH3 of the 4088 bytes before
//     sections, each at a multiple of 64, in the order of the table, zeros between them and after the last
//
// One page of header means one read decides whether the rest is worth looking at; zeros everywhere else mean that a
// snapshot's bytes are a function of its content, and that a flipped bit has nowhere to hide.

enum SnapshotFormat {
  static let magic: UInt64 = 0x3130_5041_4E53_544E  // "NTSNAP01"
  static let version: UInt32 = 1
  static let headerBytes = 4096
  static let checksumOffset = headerBytes - 8
  static let tableOffset = 64
  static let entryBytes = 32
  /// (4088 − 64) / 32 = 125.75, cut.
  static let sectionsMax = (checksumOffset - tableOffset) / entryBytes
  /// A cache line, and the widest vector register.
  static let alignment = 64
}

/// Where a section lies in its file.
public struct SectionEntry: Sendable, Hashable {
  public let tag: SectionTag
  public let offset: Int
  public let byteCount: Int
  /// XXH3 of its bytes.
  public let checksum: UInt64

  package init(tag: SectionTag, offset: Int, byteCount: Int, checksum: UInt64) {
    self.tag = tag
    self.offset = offset
    self.byteCount = byteCount
    self.checksum = checksum
  }

  var end: Int { offset + byteCount }
}

/// The header as a value. Decoding checks all that can be checked without the sections.
struct SnapshotHeader: Equatable {
  var fileBytes: Int
  var sections: [SectionEntry]
}

extension SnapshotHeader {
  func encoded() -> [UInt8] {
    precondition(sections.count <= SnapshotFormat.sectionsMax)
    var out = ByteBuffer(capacity: SnapshotFormat.headerBytes)
    out.append(littleEndian: SnapshotFormat.magic)
    out.append(littleEndian: SnapshotFormat.version)
    out.append(littleEndian: UInt32(sections.count))
    out.append(littleEndian: UInt64(fileBytes))
    out.append([UInt8](repeating: 0, count: SnapshotFormat.tableOffset - out.count))
    for section in sections {
      out.append(littleEndian: section.tag.code)
      out.append(littleEndian: UInt64(section.offset))
      out.append(littleEndian: UInt64(section.byteCount))
      out.append(littleEndian: section.checksum)
    }
    out.append([UInt8](repeating: 0, count: SnapshotFormat.checksumOffset - out.count))
    out.append(littleEndian: xxh3(out.bytes))
    return out.bytes.withUnsafeBytes { Array($0) }
  }

  /// `bytes`: the whole file, or at least its header. `fileBytes`: the length that the file really has.
  static func decode(_ bytes: RawSpan, fileBytes: Int, file: String) throws(SnapshotError) -> SnapshotHeader {
    func refused(_ code: SnapshotError.Code, _ detail: String, at offset: Int? = nil) -> SnapshotError {
      SnapshotError(code, detail, file: file, offset: offset)
    }
    guard bytes.byteCount >= 8, u64(bytes, at: 0) == SnapshotFormat.magic else {
      throw refused(.unsupportedSchema, "is not a Needletail snapshot: it does not begin with NTSNAP01", at: 0)
    }
    guard bytes.byteCount >= SnapshotFormat.headerBytes else {
      throw refused(.digestMismatch, "has \(bytes.byteCount) bytes, fewer than a header has", at: bytes.byteCount)
    }
    let found = xxh3(bytes.extracting(0..<SnapshotFormat.checksumOffset))
    guard found == u64(bytes, at: SnapshotFormat.checksumOffset) else {
      throw refused(.digestMismatch, "has a damaged header: its checksum does not hold")
    }
    // From here on the header is what some writer sealed. A foreign writer may still have meant harm.
    let version = UInt32(truncatingIfNeeded: u64(bytes, at: 8))
    guard version == SnapshotFormat.version else {
      throw refused(
        .unsupportedSchema, "has format version \(version); this program reads \(SnapshotFormat.version)", at: 8)
    }
    let declared = u64(bytes, at: 16)
    guard declared == UInt64(fileBytes) else {
      throw refused(.digestMismatch, "has \(fileBytes) bytes where its header says \(declared)", at: 16)
    }
    let count = Int(u64(bytes, at: 8) >> 32)
    guard count <= SnapshotFormat.sectionsMax else {
      throw refused(.manifestInvalid, "has \(count) sections, more than \(SnapshotFormat.sectionsMax)", at: 12)
    }
    let tableEnd = SnapshotFormat.tableOffset + count * SnapshotFormat.entryBytes
    guard isZero(bytes, 24..<SnapshotFormat.tableOffset), isZero(bytes, tableEnd..<SnapshotFormat.checksumOffset) else {
      throw refused(.manifestInvalid, "has bytes in its header that mean nothing to this program")
    }
    let sections = try decodeTable(bytes, count: count, fileBytes: fileBytes, file: file)
    return SnapshotHeader(fileBytes: fileBytes, sections: sections)
  }

  private static func decodeTable(
    _ bytes: RawSpan, count: Int, fileBytes: Int, file: String
  ) throws(SnapshotError) -> [SectionEntry] {
    var sections: [SectionEntry] = []
    var tags: Set<SectionTag> = []
    var freeFrom = SnapshotFormat.headerBytes
    for index in 0..<count {
      let at = SnapshotFormat.tableOffset + index * SnapshotFormat.entryBytes
      func refused(_ detail: String, _ tag: SectionTag? = nil) -> SnapshotError {
        SnapshotError(.manifestInvalid, detail + (tag.map { " (section \($0))" } ?? ""), file: file, offset: at)
      }
      guard let tag = SectionTag(code: u64(bytes, at: at)) else {
        throw refused("names a section with bytes that no tag has")
      }
      guard tags.insert(tag).inserted else { throw refused("has two sections of one tag", tag) }
      // Compared as unsigned 64-bit numbers before any of them becomes an Int, so that no sum can overflow.
      let offset = u64(bytes, at: at + 8)
      let length = u64(bytes, at: at + 16)
      guard offset <= UInt64(fileBytes), length <= UInt64(fileBytes) - offset else {
        throw refused("has a section that reaches beyond the end of the file", tag)
      }
      guard offset % UInt64(SnapshotFormat.alignment) == 0 else {
        throw refused("has a section that is not aligned to 64 bytes", tag)
      }
      guard offset >= UInt64(freeFrom) else { throw refused("has sections that overlap or are out of order", tag) }
      guard Int(offset) - freeFrom < SnapshotFormat.alignment else { throw refused("has a hole before a section", tag) }
      let section = SectionEntry(
        tag: tag, offset: Int(offset), byteCount: Int(length), checksum: u64(bytes, at: at + 24))
      sections.append(section)
      freeFrom = section.end
    }
    guard fileBytes - freeFrom < SnapshotFormat.alignment, fileBytes % SnapshotFormat.alignment == 0 else {
      throw SnapshotError(.manifestInvalid, "goes on after its last section", file: file, offset: freeFrom)
    }
    return sections
  }
}

/// The smallest multiple of the alignment that is not below `value`.
func aligned(_ value: Int) -> Int {
  (value + SnapshotFormat.alignment - 1) & ~(SnapshotFormat.alignment - 1)
}

/// Whether all bytes of a range are zero. O(range).
func isZero(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
  for offset in range where bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != 0 { return false }
  return true
}

/// A number inside a header whose length has been checked.
private func u64(_ bytes: RawSpan, at offset: Int) -> UInt64 {
  bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
}
