internal import Bytes

/// The metadata members that a request wants (`fields=title,url`): names, compared as JSON spells them.
///
/// Reused between requests. Unknown names select nothing, which is no error: a client may be newer than a catalogue.
public struct MetadataFields: ~Copyable {
  /// Names in one request, as the gateway limits them too.
  public static let namesMax = 16

  private var names = ByteBuffer(capacity: 64)
  private var ends: [Int] = []

  public init() { ends.reserveCapacity(Self.namesMax) }

  /// None chosen: everything is answered.
  public var isEmpty: Bool { ends.isEmpty }

  public mutating func removeAll() {
    names.removeAll()
    ends.removeAll(keepingCapacity: true)
  }

  /// Adds a name as the client wrote it; those beyond `namesMax` are left out.
  public mutating func insert(_ name: RawSpan) {
    guard ends.count < Self.namesMax else { return }
    names.append(jsonEscaped: name)
    ends.append(names.count)
  }

  /// `name`: the inside of a JSON string.
  func contains(_ name: RawSpan) -> Bool {
    var start = 0
    for end in ends {
      if equal(names.bytes.extracting(start..<end), name) { return true }
      start = end
    }
    return false
  }
}

/// Walks the members of one JSON object that this program wrote: no white space, no escapes to decode, strings closed.
///
/// On bytes that are not such an object it ends early and reads nothing outside them.
struct JSONMembers: ~Escapable {
  private let bytes: RawSpan
  private var at: Int

  struct Member {
    /// The name without its quotes, still escaped.
    let name: Range<Int>
    let value: Range<Int>
  }

  /// `bytes` starts with `{`.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    at = 0
  }

  /// The next member, nil after the last.
  mutating func next() -> Member? {
    guard at < bytes.byteCount, bytes.byte(at) == UInt8(ascii: "{") || bytes.byte(at) == UInt8(ascii: ",") else { return nil }
    let nameStart = at + 2
    guard nameStart < bytes.byteCount, bytes.byte(at + 1) == UInt8(ascii: "\"") else { return nil }
    guard let nameEnd = endOfString(nameStart), nameEnd + 1 < bytes.byteCount,
      bytes.byte(nameEnd + 1) == UInt8(ascii: ":"), let valueEnd = endOfValue(nameEnd + 2)
    else { return nil }
    at = valueEnd
    return Member(name: nameStart..<nameEnd, value: nameEnd + 2..<valueEnd)
  }

  /// Where the closing quote of a string stands whose content starts at `start`.
  private func endOfString(_ start: Int) -> Int? {
    var at = start
    while at < bytes.byteCount {
      switch bytes.byte(at) {
      case UInt8(ascii: "\""): return at
      case UInt8(ascii: "\\"): at += 2
      default: at += 1
      }
    }
    return nil
  }

  /// The first `,` or closing bracket that is not inside the value.
  private func endOfValue(_ start: Int) -> Int? {
    var at = start
    var depth = 0
    while at < bytes.byteCount {
      switch bytes.byte(at) {
      case UInt8(ascii: "\""):
        guard let end = endOfString(at + 1) else { return nil }
        at = end
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at }
        depth -= 1
      case UInt8(ascii: ","):
        if depth == 0 { return at }
      default: break
      }
      at += 1
    }
    return nil
  }
}
