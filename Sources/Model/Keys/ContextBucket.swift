public import Bytes

/// What of a request's context a placement has lists for.
public struct ContextDimensions: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let device = ContextDimensions(rawValue: 1)
  public static let language = ContextDimensions(rawValue: 2)
  public static let region = ContextDimensions(rawValue: 4)
  public static let daypart = ContextDimensions(rawValue: 8)

  /// The words of `placements.*.context`; nil at the first that is none of them.
  public init?(names: [String]) {
    self = []
    for name in names {
      switch name {
      case "device": insert(.device)
      case "language": insert(.language)
      case "region": insert(.region)
      case "daypart": insert(.daypart)
      default: return nil
      }
    }
  }
}

/// One cell of the contexts that a placement tells apart.
///
/// Its code is two characters for each dimension in use, in the order device, language, region, daypart, and `*` when
/// none is: as in `Moh4`. Each dimension is recognisable by its spelling, so that a placement whose dimensions change
/// does not read its old lists:
///
///     device    De Mo Ta Tv Ot     desktop, mobile, tablet, tv, other
///     language  en de … ot         lower case
///     region    US DE … OT         upper case
///     daypart   h0 … h5            local hours 0–3, 4–7, 8–11, 12–15, 16–19, 20–23
public struct ContextBucket: Sendable, Hashable {
  /// Two ASCII characters a dimension, the first in the low byte; 0 for a dimension not in use.
  let device, language, region, daypart: UInt16

  /// No dimension: everybody's context.
  public static let any = ContextBucket(device: 0, language: 0, region: 0, daypart: 0)

  init(device: UInt16, language: UInt16, region: UInt16, daypart: UInt16) {
    self.device = device
    self.language = language
    self.region = region
    self.daypart = daypart
  }

  /// Reads a code as it stands in a key; nil for anything else.
  public init?(code: RawSpan) {
    self = .any
    if code.byteCount == 1 { if code.byte(0) == UInt8(ascii: "*") { return } else { return nil } }
    guard (2...8).contains(code.byteCount), code.byteCount.isMultiple(of: 2) else { return nil }
    var (device, language, region, daypart) = (UInt16(0), UInt16(0), UInt16(0), UInt16(0))
    for at in stride(from: 0, to: code.byteCount, by: 2) {
      let (first, second) = (code.byte(at), code.byte(at + 1))
      let pair = UInt16(first) | UInt16(second) << 8
      switch (Self.kind(first), Self.kind(second)) {
      case (.upper, .lower): device = pair
      case (.lower, .lower): language = pair
      case (.upper, .upper): region = pair
      case (.lower, .digit): daypart = pair
      default: return nil
      }
    }
    self.init(device: device, language: language, region: region, daypart: daypart)
  }

  private enum Kind { case lower, upper, digit, other }

  private static func kind(_ byte: UInt8) -> Kind {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): .lower
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): .upper
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .digit
    default: .other
    }
  }

  public var isAny: Bool { self == .any }

  public var code: String {
    var text = ByteBuffer(capacity: 16)
    text.append(self)
    return String(copying: text.bytes)
  }
}

extension ByteBuffer {
  /// Appends the code of a context, one to eight characters.
  public mutating func append(_ context: ContextBucket) {
    if context.isAny { return append(UInt8(ascii: "*")) }
    if context.device != 0 { append(littleEndian: context.device) }
    if context.language != 0 { append(littleEndian: context.language) }
    if context.region != 0 { append(littleEndian: context.region) }
    if context.daypart != 0 { append(littleEndian: context.daypart) }
  }
}
