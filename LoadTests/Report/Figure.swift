internal import FoundationEssentials

/// A value of a result line: what JSON can say.
public indirect enum Figure: Codable, Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
  case text(String)
  case number(Double)
  case flag(Bool)
  case list([Figure])
  case group([String: Figure])
  case nothing

  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .flag(value) }
  public init(arrayLiteral elements: Figure...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, Figure)...) {
    self = .group(Dictionary(elements) { _, last in last })
  }

  /// Anything that can be written as JSON.
  public init(encoding value: some Encodable) {
    let data = try? JSONEncoder().encode(value)
    self = data.flatMap { try? JSONDecoder().decode(Figure.self, from: $0) } ?? .nothing
  }

  /// Times and ratios with as many digits as they deserve.
  public static func rounded(_ number: Double, places: Int = 3) -> Figure {
    let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
    return number.isFinite ? .number((number * scale).rounded() / scale) : .nothing
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .nothing
    } else if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([Figure].self) {
      self = .list(list)
    } else {
      self = .group(try container.decode([String: Figure].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    // 3 and not 3.0: counts are whole.
    case .number(let number) where number == number.rounded() && number.magnitude < 1e15:
      try container.encode(Int(number))
    // JSON has no infinities.
    case .number(let number) where !number.isFinite: try container.encodeNil()
    case .number(let number): try container.encode(number)
    case .flag(let flag): try container.encode(flag)
    case .list(let list): try container.encode(list)
    case .group(let group): try container.encode(group)
    case .nothing: try container.encodeNil()
    }
  }
}
