public import Bytes

/// Composes rendered lists, one after the other, in storage that it keeps.
///
///     writer.begin(keyHash: …, createdAt: …, freshSeconds: …)
///     writer.add(itemHash: …) { $0.append(…) }     // once an item, best first
///     writer.finish(into: &value)
public struct RenderedListWriter: ~Copyable {
  private var fragments = ByteBuffer(capacity: 16 << 10)
  private var ends: [UInt32] = []
  private var hashes: [UInt64] = []
  private var keyHash: UInt64 = 0
  private var createdAt: UInt32 = 0
  private var freshSeconds: UInt32 = 0

  public init() {
    ends.reserveCapacity(RenderedList.itemsMax)
    hashes.reserveCapacity(RenderedList.itemsMax)
  }

  public var count: Int { hashes.count }
  public var isFull: Bool { count == RenderedList.itemsMax }

  /// `createdAt` in Unix seconds.
  public mutating func begin(keyHash: UInt64, createdAt: UInt32, freshSeconds: UInt32) {
    fragments.removeAll()
    ends.removeAll(keepingCapacity: true)
    hashes.removeAll(keepingCapacity: true)
    self.keyHash = keyHash
    self.createdAt = createdAt
    self.freshSeconds = freshSeconds
  }

  /// Adds an item: `fragment` writes its JSON object, `{…},` with the comma. The list must not be full.
  public mutating func add(itemHash: UInt64, _ fragment: (inout ByteBuffer) -> Void) {
    precondition(!isFull, "more than \(RenderedList.itemsMax) items in a list")
    fragment(&fragments)
    ends.append(UInt32(fragments.count))
    hashes.append(itemHash)
  }

  /// Appends the value. O(bytes).
  public func finish(into value: inout ByteBuffer) {
    let start = value.count
    let first = UInt32(RenderedList.fragmentsStart(count))
    value.reserve(Int(first) + fragments.count + RenderedList.checksumBytes)
    value.append("NTL1" as StaticString)
    value.append(littleEndian: UInt16(count))
    value.append(littleEndian: 0 as UInt16)
    value.append(littleEndian: createdAt)
    value.append(littleEndian: freshSeconds)
    value.append(littleEndian: keyHash)
    value.append(littleEndian: first)
    for end in ends { value.append(littleEndian: first + end) }
    for hash in hashes { value.append(littleEndian: hash) }
    value.append(fragments.bytes)
    let checksum = xxh3(value.bytes.extracting(start..<value.count))
    value.append(littleEndian: checksum)
  }
}
