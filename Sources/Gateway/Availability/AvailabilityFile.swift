import Bytes
import Glibc
import Snapshots

/// The set of unavailable items on this node's disk, so that a restart keeps it. Little endian:
///
///     "NTA1"   u32 count   count × (u8 length, bytes of the id), ascending   u64 XXH3 of all before
enum AvailabilityFile {
  private static let magic = Array("NTA1".utf8)
  private static let headBytes = 8
  private static let checksumBytes = 8
  /// The largest set of the longest ids: 262,144 × 256 bytes.
  static let bytesMax = headBytes + UnavailableIDs.idsMax * (1 + RecommendationRequest.idBytesMax) + checksumBytes

  static func path(dataDirectory: String) -> String { dataDirectory + "/availability" }

  /// Why a file is not taken: whatever wrote it or damaged it, not the caller.
  struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  // MARK: Bytes.

  static func bytes(of set: UnavailableIDs) -> [UInt8] {
    var file = ByteBuffer(capacity: headBytes + 16 * set.count + checksumBytes)
    file.append("NTA1" as StaticString)
    file.append(littleEndian: UInt32(set.count))
    for id in set.ids {
      file.append(UInt8(id.text.utf8.count))
      file.append(id.text)
    }
    let checksum = xxh3(file.bytes)
    file.append(littleEndian: checksum)
    return file.bytes.copied()
  }

  /// Reads what `bytes` made; anything else is refused.
  static func set(from bytes: [UInt8]) throws(Fault) -> UnavailableIDs {
    guard bytes.count >= headBytes + checksumBytes else { throw Fault("has only \(bytes.count) bytes") }
    guard bytes.starts(with: magic) else { throw Fault("is no such file, or of another version") }
    let end = bytes.count - checksumBytes
    let checksum = (0..<checksumBytes).reduce(UInt64(0)) { $0 | UInt64(bytes[end + $1]) << UInt64(8 * $1) }
    let span = bytes.span.bytes
    guard xxh3(span.extracting(0..<end)) == checksum else { throw Fault("has another checksum than its bytes") }
    let count = (0..<4).reduce(0) { $0 | Int(bytes[4 + $1]) << (8 * $1) }
    guard count <= UnavailableIDs.idsMax else { throw Fault("has \(count) ids, more than \(UnavailableIDs.idsMax)") }
    var ids: [ItemID] = []
    var at = headBytes
    for _ in 0..<count {
      guard at < end, bytes[at] > 0, at + 1 + Int(bytes[at]) <= end else { throw Fault("ends within its ids") }
      let next = at + 1 + Int(bytes[at])
      guard let text = String(validating: bytes[at + 1..<next], as: UTF8.self) else {
        throw Fault("has an id that is not UTF-8")
      }
      ids.append(ItemID(text))
      at = next
    }
    guard at == end else { throw Fault("has \(end - at) bytes beyond its ids") }
    guard let set = UnavailableIDs(ascending: ids) else { throw Fault("has ids out of order") }
    return set
  }

  // MARK: Disk.

  /// Nil when there is none.
  static func read(_ path: String) throws(Fault) -> UnavailableIDs? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw Fault("cannot be opened: \(errnoName(errno))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Fault("is not a regular file")
    }
    guard status.st_size <= bytesMax else { throw Fault("has \(status.st_size) bytes, more than \(bytesMax)") }
    let size = Int(status.st_size)
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { room, filled in
      while count < size {
        let got = Glibc.read(descriptor, room.baseAddress! + count, size - count)
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
      filled = count
    }
    return try set(from: bytes)
  }

  /// Whole and durably, or not at all.
  static func write(_ set: UnavailableIDs, to path: String, disk: Disk = Disk()) throws(DiskError) {
    let bytes = bytes(of: set)
    let file = try TemporaryFile(target: path, disk: disk)
    try file.append(bytes.span.bytes)
    try file.seal()
  }

  /// Removes what processes that were killed while they wrote have left.
  static func sweep(_ dataDirectory: String) {
    guard let folder = opendir(dataDirectory) else { return }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasPrefix("availability."), isTemporary(name) else { continue }
      try? TemporaryFile.removeIfOrphaned(dataDirectory + "/" + name, disk: Disk())
    }
  }
}
