public import Bytes

/// The last interactions of a user, as memcached and the first cache hold them.
///
///     "NTW1"  u8 count ≤ 10   then newest first:  u32 time   u8 type   u8 length   item id
///
/// Little endian, unaligned. A view: it reads the bytes where they lie.
public struct Window: ~Escapable {
  public static let eventsMax = 10
  /// Bytes of an item id, in windows and everywhere.
  public static let idBytesMax = 255
  /// memcached's flags of such a value.
  public static let flags: UInt32 = 3
  /// Seconds that a window lives after its last event: 30 days.
  public static let ttlSeconds = 30 * 86_400
  /// The largest value: 5 + 10 × (6 + 255).
  public static let bytesMax = headBytes + eventsMax * (eventHeadBytes + idBytesMax)

  static let headBytes = 5
  static let eventHeadBytes = 6

  public let bytes: RawSpan
  public let count: Int
  /// Where each event starts: 2,615 bytes at most.
  private let starts: InlineArray<10, UInt16>

  /// Checks a value from outside. O(count), no allocation.
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(WindowFault) {
    guard bytes.byteCount >= Self.headBytes else { throw .truncated }
    guard bytes.load(0, UInt32.self) == Self.magic else { throw .foreign }
    let count = Int(bytes.byte(4))
    guard count <= Self.eventsMax else { throw .count }
    var starts = InlineArray<10, UInt16>(repeating: 0)
    var at = Self.headBytes
    for index in 0..<count {
      guard bytes.byteCount - at >= Self.eventHeadBytes else { throw .truncated }
      guard InteractionType(rawValue: bytes.byte(at + 4)) != nil else { throw .type }
      guard bytes.byte(at + 5) > 0 else { throw .emptyID }
      starts[index] = UInt16(at)
      at += Self.eventHeadBytes + Int(bytes.byte(at + 5))
      guard at <= bytes.byteCount else { throw .truncated }
    }
    guard at == bytes.byteCount else { throw .trailing }
    self.bytes = bytes
    self.count = count
    self.starts = starts
  }

  public var isEmpty: Bool { count == 0 }

  /// Unix seconds of event `index`; 0 is the newest.
  public func time(_ index: Int) -> UInt32 { bytes.load(start(index), UInt32.self) }
  public func type(_ index: Int) -> InteractionType { InteractionType(rawValue: bytes.byte(start(index) + 4))! }

  @_lifetime(copy self)
  public func itemID(_ index: Int) -> RawSpan {
    let id = start(index) + Self.eventHeadBytes
    return bytes.extracting(id..<id + Int(bytes.byte(id - 1)))
  }

  private func start(_ index: Int) -> Int {
    precondition(index >= 0 && index < count)
    return Int(starts[index])
  }

  @_lifetime(copy self)
  fileprivate func event(_ index: Int) -> RawSpan {
    let from = start(index)
    return bytes.extracting(from..<from + Self.eventHeadBytes + Int(bytes.byte(from + 5)))
  }

  static let magic = UInt32(littleEndian: 0x3157_544E)  // "NTW1"
}

/// Why a stored value is no window. Every one counts as no window, under its name.
public enum WindowFault: UInt8, Error, Sendable, CaseIterable {
  case truncated, foreign, count, type, emptyID, trailing
}

/// One interaction that a window takes in.
public struct WindowEvent: ~Escapable {
  public let time: UInt32
  public let type: InteractionType
  public let itemID: RawSpan

  /// Nil when the id is empty or longer than `Window.idBytesMax`. `time`: Unix seconds.
  @_lifetime(copy itemID)
  public init?(time: UInt32, type: InteractionType, itemID: RawSpan) {
    guard (1...Window.idBytesMax).contains(itemID.byteCount) else { return nil }
    self.time = time
    self.type = type
    self.itemID = itemID
  }
}

extension Window {
  /// Appends a window without events: what a worker remembers of a user who has none.
  public static func appendEmpty(to value: inout ByteBuffer) {
    value.append("NTW1" as StaticString)
    value.append(0 as UInt8)
  }

  /// Appends a window of one event, for a user who had none.
  public static func append(_ event: borrowing WindowEvent, to value: inout ByteBuffer) {
    appendHead(count: 1, to: &value)
    append(event: event, to: &value)
  }

  /// Appends this window with one more event, in its place by time; what is then beyond the tenth is forgotten. An event
  /// that is older than ten others changes nothing.
  public func append(adding event: borrowing WindowEvent, to value: inout ByteBuffer) {
    var place = 0
    while place < count && time(place) > event.time { place += 1 }
    Self.appendHead(count: min(count + 1, Self.eventsMax), to: &value)
    for index in 0..<place { value.append(self.event(index)) }
    guard place < Self.eventsMax else { return }
    Self.append(event: event, to: &value)
    for index in place..<max(place, min(count, Self.eventsMax - 1)) { value.append(self.event(index)) }
  }

  private static func appendHead(count: Int, to value: inout ByteBuffer) {
    value.append("NTW1" as StaticString)
    value.append(UInt8(count))
  }

  private static func append(event: borrowing WindowEvent, to value: inout ByteBuffer) {
    value.append(littleEndian: event.time)
    value.append(event.type.rawValue)
    value.append(UInt8(event.itemID.byteCount))
    value.append(event.itemID)
  }
}
