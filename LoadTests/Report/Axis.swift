internal import Glibc

/// Where a value stands between two ends, and what is written beside the line.
public struct Axis: Sendable, Equatable {
  public enum Scale: Sendable, Equatable {
    case linear
    case logarithmic
    /// Quantiles by their nines: 0.9, 0.99 and 0.999 are as far apart. The upper end is below 1.
    case nines
  }

  public struct Tick: Sendable, Equatable {
    public let value: Double
    public let label: String
  }

  public let title: String
  public let scale: Scale
  public let lower: Double
  public let upper: Double
  public let ticks: [Tick]

  /// 0 at the lower end, 1 at the upper; nil for what has no place: beyond the ends, not finite, or not above 0 on a
  /// logarithmic axis.
  public func position(_ value: Double) -> Double? {
    guard value.isFinite, let here = place(value), let low = place(lower), let high = place(upper), high > low else {
      return nil
    }
    let position = (here - low) / (high - low)
    return position < -1e-9 || position > 1 + 1e-9 ? nil : min(1, max(0, position))
  }

  private func place(_ value: Double) -> Double? {
    switch scale {
    case .linear: value
    case .logarithmic: value > 0 ? log10(value) : nil
    case .nines: value < 1 ? -log10(1 - value) : nil
    }
  }

  /// From 0 to a round number at or above the largest value, with some five ticks.
  public static func linear(
    _ title: String, upTo largest: Double, label: (Double) -> String = { Format.short($0) }
  ) -> Axis {
    let top = largest.isFinite && largest > 0 ? largest : 1
    let step = roundStep(top / 4)
    let count = Int((top / step).rounded(.up))
    let ticks = (0...count).map { Tick(value: Double($0) * step, label: label(Double($0) * step)) }
    return Axis(title: title, scale: .linear, lower: 0, upper: Double(count) * step, ticks: ticks)
  }

  /// Exactly from one value to another, for time: the last second ends the axis.
  public static func linear(_ title: String, from lower: Double, to upper: Double) -> Axis {
    let top = upper > lower ? upper : lower + 1
    let step = roundStep((top - lower) / 8)
    var ticks: [Tick] = []
    var value = (lower / step).rounded(.up) * step
    while value <= top + step * 1e-9 {
      ticks.append(Tick(value: value, label: Format.digits(value)))
      value += step
    }
    return Axis(title: title, scale: .linear, lower: lower, upper: top, ticks: ticks)
  }

  /// From the decade step (1, 2 or 5) below the smallest value to the one above the largest; values that are not above
  /// 0 do not count. Ticks at decades, and at 2 and 5 where the span is short.
  public static func logarithmic(
    _ title: String, of values: [Double], label: (Double) -> String = { Format.time(microseconds: $0) }
  ) -> Axis {
    let placed = values.filter { $0 > 0 && $0.isFinite }
    let smallest = placed.min() ?? 1, largest = placed.max() ?? 10
    let lower = steps(around: smallest).last { $0 <= smallest * (1 + 1e-9) }!
    var upper = steps(around: largest).first { $0 >= largest * (1 - 1e-9) }!
    if upper <= lower { upper = lower * 10 }
    let isShort = log10(upper / lower) < 2.5
    var ticks: [Tick] = []
    for exponent in Int(log10(lower).rounded(.down))...Int(log10(upper).rounded(.up)) {
      for factor in isShort ? [1.0, 2, 5] : [1.0] {
        let value = factor * pow(10, Double(exponent))
        if value >= lower * (1 - 1e-9), value <= upper * (1 + 1e-9) {
          ticks.append(Tick(value: value, label: label(value)))
        }
      }
    }
    return Axis(title: title, scale: .logarithmic, lower: lower, upper: upper, ticks: ticks)
  }

  /// Quantiles from 0 to what `count` values can tell: 99.99 % means nothing of 1,000 values.
  public static func nines(_ title: String, count: Double) -> Axis {
    let known = [0.9, 0.99, 0.999, 0.9999, 0.99999]
    // The last nine that at least one value stands beyond, and the next, where the largest stands.
    let last = known.lastIndex { count * (1 - $0) >= 1 - 1e-9 } ?? 0
    let upper = 1 - (1 - known[last]) / 10
    let ticks = [0, 0.5] + known[...last]
    return Axis(
      title: title, scale: .nines, lower: 0, upper: upper,
      ticks: ticks.map { Tick(value: $0, label: Format.quantile($0)) })
  }

  /// The next of 1, 2, 5, 10, 20, … at or above.
  static func roundStep(_ size: Double) -> Double {
    guard size > 0, size.isFinite else { return 1 }
    return steps(around: size).first { $0 >= size * (1 - 1e-9) }!
  }

  private static func steps(around size: Double) -> [Double] {
    let decade = pow(10, log10(size).rounded(.down))
    return [0.5, 1, 2, 5, 10, 20].map { $0 * decade }
  }
}
