internal import Bytes

/// The stored form of a list: what memcached and the first cache hold, ready to be cut into a response unparsed.
///
///     "NTL1"  u16 count  u16 reserved (0)  u32 createdAt  u32 fresh  u64 XXH3 of the key
///     u32 offsets[count + 1]   u64 XXH3 of each item id [count]   fragments   u64 XXH3 of all before
///
/// Little endian, unaligned. Offsets count bytes from the start of the value: the first is where the fragments begin,
/// the last where the checksum does. Fragment i is item i as it stands in the response, comma included:
/// `{"itemId":"i7","score":0.8312,"reason":"personalized","metadata":{…}},`
///
/// A view: it reads the bytes where they lie. `init(validated:)` is for bytes that `init(_:keyHash:)` has accepted
/// before, as the first cache's have, and costs nothing.
public struct RenderedList: ~Escapable {
  /// The longest list, which is the largest `numResults`.
  public static let itemsMax = 100
  /// memcached's flags of such a value.
  public static let flags: UInt32 = 1
  /// The same after LZ4.
  public static let compressedFlags: UInt32 = 2

  static let headBytes = 24
  static let checksumBytes = 8

  public let bytes: RawSpan
  public let count: Int

  /// Checks a value from outside: everything that reading and slicing rely on. O(bytes), no allocation.
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan, keyHash: UInt64) throws(RenderedListFault) {
    guard bytes.byteCount >= Self.headBytes + 4 + Self.checksumBytes else { throw .truncated }
    guard bytes.load(0, UInt32.self) == Self.magic else { throw .foreign }
    let count = Int(bytes.load(4, UInt16.self))
    guard count <= Self.itemsMax, bytes.load(6, UInt16.self) == 0 else { throw .count }
    let end = bytes.byteCount - Self.checksumBytes
    guard Self.fragmentsStart(count) <= end else { throw .truncated }
    guard bytes.load(16, UInt64.self) == keyHash else { throw .otherKey }
    guard bytes.load(end, UInt64.self) == xxh3(bytes.extracting(0..<end)) else { throw .checksum }
    try Self.checkOffsets(bytes, count, end: end)
    self.bytes = bytes
    self.count = count
  }

  /// A value that was checked when it came in.
  @_lifetime(copy bytes)
  public init(validated bytes: RawSpan) {
    self.bytes = bytes
    count = Int(bytes.load(4, UInt16.self))
  }

  /// Unix seconds.
  public var createdAt: UInt32 { bytes.load(8, UInt32.self) }
  /// Seconds from `createdAt` for which the list is fresh.
  public var freshSeconds: UInt32 { bytes.load(12, UInt32.self) }
  public var keyHash: UInt64 { bytes.load(16, UInt64.self) }
  public var isEmpty: Bool { count == 0 }

  /// XXH3 of the id of item `index`.
  public func itemHash(_ index: Int) -> UInt64 {
    precondition(index < count)
    return bytes.load(Self.headBytes + 4 * (count + 1) + 8 * index, UInt64.self)
  }

  /// Item `index` as it stands in a response, with its comma.
  @_lifetime(copy self)
  public func fragment(_ index: Int) -> RawSpan { fragments(index..<index + 1) }

  @_lifetime(copy self)
  func fragments(_ range: Range<Int>) -> RawSpan {
    bytes.extracting(offset(range.lowerBound)..<offset(range.upperBound))
  }

  func offset(_ index: Int) -> Int {
    precondition(index <= count)
    return Int(bytes.load(Self.headBytes + 4 * index, UInt32.self))
  }

  static let magic = UInt32(littleEndian: 0x314C_544E)  // "NTL1"

  static func fragmentsStart(_ count: Int) -> Int { headBytes + 4 * (count + 1) + 8 * count }

  /// The checksum says that the bytes are those that were written; this, that who wrote them knew the format.
  private static func checkOffsets(_ bytes: RawSpan, _ count: Int, end: Int) throws(RenderedListFault) {
    var from = fragmentsStart(count)
    guard bytes.load(headBytes, UInt32.self) == UInt32(from) else { throw .offsets }
    for index in 0..<count {
      let to = Int(bytes.load(headBytes + 4 * (index + 1), UInt32.self))
      // The least fragment is `{},`.
      guard to >= from + 3, to <= end else { throw .offsets }
      guard bytes.byte(from) == UInt8(ascii: "{"), bytes.byte(to - 2) == UInt8(ascii: "}"),
        bytes.byte(to - 1) == UInt8(ascii: ",")
      else { throw .fragment }
      from = to
    }
    guard from == end else { throw .offsets }
  }
}

/// Why a stored value is no list that may be answered with. Every one is a miss, counted under its name.
public enum RenderedListFault: UInt8, Error, Sendable, CaseIterable {
  /// Too short for what it says it holds.
  case truncated
  /// Not a rendered list.
  case foreign
  /// More items than a list may have.
  case count
  /// Another key's list.
  case otherKey
  case checksum
  case offsets
  case fragment
}

extension RawSpan {
  /// A little-endian number at a byte offset; bounds-checked.
  @inline(__always)
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T {
    T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: type))
  }

  @inline(__always)
  func byte(_ offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}
