/// The name of a section: one to eight characters of `[A-Za-z0-9._-]`, kept as they stand in the file, zeros after.
public struct SectionTag: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The eight bytes of the name, the first one lowest.
  public let code: UInt64

  /// A name from outside; nil when it is empty, too long or has other characters.
  public init?(_ name: String) {
    guard (1...8).contains(name.utf8.count) else { return nil }
    var code: UInt64 = 0
    for (place, character) in name.utf8.enumerated() {
      guard Self.allows(character) else { return nil }
      code |= UInt64(character) << UInt64(8 * place)
    }
    self.code = code
  }

  /// A name as it stands in a file; nil unless some `init(_:)` could have made it.
  init?(code: UInt64) {
    var ended = code & 0xFF == 0
    guard !ended else { return nil }
    for place in 0..<8 {
      let character = UInt8(truncatingIfNeeded: code >> UInt64(8 * place))
      if character == 0 { ended = true } else if ended || !Self.allows(character) { return nil }
    }
    self.code = code
  }

  /// A name in the source: a wrong one is a mistake in the program.
  public init(stringLiteral name: String) {
    guard let tag = SectionTag(name) else { preconditionFailure("\"\(name)\" is no section tag") }
    self = tag
  }

  public var description: String {
    let characters = (0..<8).map { UInt8(truncatingIfNeeded: code >> UInt64(8 * $0)) }
    return String(decoding: characters.prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func allows(_ character: UInt8) -> Bool {
    switch character {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
