internal import FoundationEssentials

/// Figures as people read them: three digits that mean something, a unit, no exponent.
public enum Format {
  /// `7.4 µs`, `512 µs`, `1.83 ms`, `2.5 s`.
  public static func time(microseconds: Double) -> String {
    switch microseconds {
    case ..<999.5: "\(digits(microseconds)) µs"
    case ..<999_500: "\(digits(microseconds / 1e3)) ms"
    default: "\(digits(microseconds / 1e6)) s"
    }
  }

  /// `950`, `12,400`, `1,250,000`.
  public static func count(_ number: Double) -> String {
    let whole = String(Int(number.rounded().magnitude))
    var grouped = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index) % 3 == 0 { grouped += "," }
      grouped.append(digit)
    }
    return (number.rounded() < 0 ? "−" : "") + grouped
  }

  /// A rate on an axis: `950`, `12k`, `1.5M`.
  public static func short(_ number: Double) -> String {
    switch number.magnitude {
    case 1_000_000...: digits(number / 1e6) + "M"
    case 10_000...: digits(number / 1e3) + "k"
    default: digits(number)
    }
  }

  /// `100 %`, `99.9 %`, `99.99 %`: never rounded up to everything.
  public static func percent(_ share: Double) -> String {
    guard share < 1 else { return "100 %" }
    let percent = share * 100
    // Near the ends the digits that matter come later.
    for places in (percent < 10 || percent >= 90 ? 1 : 0)...3 where rounded(percent, places: places) < 100 {
      return trimmed(rounded(percent, places: places), places: places) + " %"
    }
    return "99.999 %"
  }

  /// The percentile's name: `50 %`, `99.99 %`.
  public static func quantile(_ quantile: Double) -> String { trimmed(quantile * 100, places: 6) + " %" }

  /// Three significant digits, at most two after the point.
  public static func digits(_ number: Double) -> String {
    let size = number.magnitude
    return trimmed(rounded(number, places: size < 9.995 ? 2 : size < 99.95 ? 1 : 0), places: 2)
  }

  /// With as many places as are said, zeros too: for columns.
  public static func fixed(_ number: Double, places: Int) -> String {
    let scale = power(places)
    let scaled = Int((number.magnitude * scale).rounded())
    let sign = number < 0 && scaled != 0 ? "−" : ""
    guard places > 0 else { return sign + "\(scaled)" }
    let fraction = String(scaled % Int(scale))
    return sign + "\(scaled / Int(scale))." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  private static func rounded(_ number: Double, places: Int) -> Double {
    (number * power(places)).rounded() / power(places)
  }

  private static func trimmed(_ number: Double, places: Int) -> String {
    var text = fixed(number, places: places)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  private static func power(_ places: Int) -> Double { (0..<places).reduce(1.0) { power, _ in power * 10 } }
}

/// The middle of some values, and their extremes: what repeated rounds show.
public struct Spread: Codable, Sendable, Equatable {
  public let median: Double
  public let min: Double
  public let max: Double
  public let rounds: Int

  /// nil without values.
  public init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    min = sorted[0]
    max = sorted[sorted.count - 1]
    rounds = sorted.count
  }

  /// `6.08–7.98`.
  public func range(places: Int) -> String {
    Format.fixed(min, places: places) + "–" + Format.fixed(max, places: places)
  }
}
