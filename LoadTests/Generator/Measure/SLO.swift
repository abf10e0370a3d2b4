/// Objectives of a run, `p99=2ms,errors=0`: what decides whether a deployment goes on.
///
///     objective = [scope ":"] figure "=" bound
///     figure    = p50 | p90 | p99 | p99.9 | p99.99 | max     response time at most; us ms s
///               | errors | dropped                           at most; a number, or a share as 0.1%
///               | goodput                                    at least; a share of what was offered, or a rate as 900/s
///               | within                                     no objective: an answer is good only this fast
///     scope     = a tier, as in l1:p99.9=1ms; percentiles only
public struct SLO: Sendable, CustomStringConvertible {
  enum Figure: Sendable, Equatable {
    case percentile(Double, tier: String?)
    case errors, dropped, goodput
  }
  enum Bound: Sendable, Equatable {
    case microseconds(Double)
    case share(Double)
    case count(Double)
    case perSecond(Double)
  }
  struct Objective: Sendable, Equatable {
    let text: String
    let figure: Figure
    let bound: Bound
  }

  /// As given.
  public let description: String
  let objectives: [Objective]
  private let withinMicroseconds: Double?

  public init(_ text: String) throws(LoadError) {
    description = text
    var objectives: [Objective] = []
    var within: Double?
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let part = part.trimmingSpaces
      guard let equals = part.firstIndex(of: "=") else {
        throw LoadError("SLO: \"\(part)\" is not figure=bound, as in p99=2ms")
      }
      let (name, bound) = (part[..<equals], part[part.index(after: equals)...])
      if name == "within" {
        guard let limit = SLO.microseconds(bound) else { throw SLO.badDuration(part) }
        within = limit
      } else {
        objectives.append(try SLO.objective(part, name, bound))
      }
    }
    self.objectives = objectives
    withinMicroseconds = within
  }

  /// `within`, else the longest bound of a percentile of the whole run.
  var goodWithinMicroseconds: Double? {
    if let withinMicroseconds { return withinMicroseconds }
    return objectives.compactMap { objective -> Double? in
      guard case .percentile(_, nil) = objective.figure, case .microseconds(let limit) = objective.bound else {
        return nil
      }
      return limit
    }.max()
  }

  private static let percentiles: [Substring: Double] = [
    "p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1,
  ]

  private static func objective(_ text: Substring, _ name: Substring, _ bound: Substring) throws(LoadError) -> Objective
  {
    let scoped = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let tier = scoped.count == 2 ? String(scoped[0]) : nil
    if let tier, Tier(name: tier) == nil {
      throw LoadError("SLO: \"\(tier)\" is no tier; tiers are \(Tier.allCases.map(\.name).joined(separator: " "))")
    }
    let figure = scoped.last!
    if let quantile = percentiles[figure] {
      guard let limit = microseconds(bound) else { throw badDuration(text) }
      return Objective(text: String(text), figure: .percentile(quantile, tier: tier), bound: .microseconds(limit))
    }
    guard tier == nil else { throw LoadError("SLO: \"\(text)\": only percentiles are told by tier") }
    switch figure {
    case "errors", "dropped":
      guard let limit = share(bound).map(Bound.share) ?? count(bound).map(Bound.count) else {
        throw LoadError("SLO: \"\(text)\": write a number as in \(figure)=0, or a share as in \(figure)=0.1%")
      }
      return Objective(text: String(text), figure: figure == "errors" ? .errors : .dropped, bound: limit)
    case "goodput":
      guard let limit = share(bound).map(Bound.share) ?? rate(bound).map(Bound.perSecond) else {
        throw LoadError("SLO: \"\(text)\": write a share as in goodput=99%, or a rate as in goodput=900/s")
      }
      return Objective(text: String(text), figure: .goodput, bound: limit)
    default:
      throw LoadError(
        "SLO: \"\(figure)\" is no figure; there are p50 p90 p99 p99.9 p99.99 max errors dropped goodput within")
    }
  }

  private static func badDuration(_ text: Substring) -> LoadError {
    LoadError("SLO: \"\(text)\": write a duration with its unit, as in 2ms, 500us, 1s")
  }

  /// A duration with its unit.
  static func microseconds(_ text: Substring) -> Double? {
    for (unit, factor) in [("us", 1.0), ("ms", 1e3), ("s", 1e6)] where text.hasSuffix(unit) {
      return number(text.dropLast(unit.count)).map { $0 * factor }
    }
    return nil
  }

  private static func share(_ text: Substring) -> Double? {
    guard text.hasSuffix("%") else { return nil }
    return number(text.dropLast()).flatMap { $0 <= 100 ? $0 / 100 : nil }
  }

  private static func rate(_ text: Substring) -> Double? { text.hasSuffix("/s") ? number(text.dropLast(2)) : nil }

  private static func count(_ text: Substring) -> Double? { number(text) }

  /// Digits with at most one point: `Double` would take "inf" and "0x1p3", too.
  static func number(_ text: Substring) -> Double? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else {
      return nil
    }
    return Double(text)
  }
}

extension Substring {
  var trimmingSpaces: Substring {
    var trimmed = drop { $0 == " " }
    while trimmed.last == " " { trimmed = trimmed.dropLast() }
    return trimmed
  }
}
