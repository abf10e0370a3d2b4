/// Numbers as people read them.
public enum Figures {
  /// `87us`, `1.83ms`, `2.1s`: three digits.
  public static func duration(_ microseconds: Double) -> String {
    switch microseconds {
    case ..<1_000: "\(threeDigits(microseconds))us"
    case ..<1_000_000: "\(threeDigits(microseconds / 1_000))ms"
    default: "\(threeDigits(microseconds / 1_000_000))s"
    }
  }

  /// `99.7%`.
  public static func percent(_ share: Double) -> String { "\(rounded(share * 100, 2))%" }

  /// `12,400/s`.
  public static func rate(_ perSecond: Double) -> String {
    perSecond < 100 ? "\(rounded(perSecond, 1))/s" : "\(count(UInt64(perSecond.rounded())))/s"
  }

  /// `1,234,567`.
  public static func count(_ number: UInt64) -> String {
    var text = ""
    for (place, digit) in String(number).reversed().enumerated() {
      if place > 0 && place % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  private static func threeDigits(_ value: Double) -> String {
    rounded(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)
  }

  private static func rounded(_ value: Double, _ digits: Int) -> String {
    let scale = [1.0, 10, 100][digits]
    let text = "\((value * scale).rounded() / scale)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
