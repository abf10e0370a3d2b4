internal import Model

/// How popular items are, 0…1, from the best that is known of it.
struct Popularity: Equatable {
  var values: [Float]
  /// Where it comes from, as a sentence for people.
  var source: String

  /// Metadata members that hold it; the first that any item has.
  static let memberNames = ["popularity", "popularityscore", "plays", "views", "ratingcount", "interactioncount"]

  /// Numbers of a column. Shares of 1 stand as they are; counts are stretched logarithmically, as the trainer does: from
  /// ten to a hundred is as far as from a hundred to a thousand. Nil is unknown, and counts as 0.
  static func of(column name: String, _ numbers: [Double?]) -> Popularity {
    let highest = numbers.lazy.compactMap { $0 }.max() ?? 0
    let known = numbers.count { $0 != nil }
    let what = "popularity: column \"\(name)\" of \(known) of \(numbers.count) items"
    if highest <= 1 {
      return Popularity(values: numbers.map { Float(max(0, $0 ?? 0)) }, source: what)
    }
    let scale = logarithm(1 + highest)
    return Popularity(
      values: numbers.map { Float(logarithm(1 + max(0, $0 ?? 0)) / scale) },
      source: what + ", the logarithm of it as a share of the highest")
  }

  static func of(interactions counts: [Int]) -> Popularity {
    let scale = max(1, logarithm(1 + Double(counts.max() ?? 0)))
    return Popularity(
      values: counts.map { Float(min(1, logarithm(1 + Double($0)) / scale)) },
      source: "popularity: the logarithm of each item's interactions as a share of the highest")
  }

  /// Models of inner products learn long vectors for what many like. Where all are as long, nobody knows.
  static func of(norms: [Float]) -> Popularity {
    let (low, high) = (norms.min() ?? 0, norms.max() ?? 0)
    guard high > 0, low < high * 0.999 else {
      return Popularity(
        values: Array(repeating: 0, count: norms.count),
        source: "popularity: none is known, all vectors are equally long; all items count alike")
    }
    return Popularity(
      values: norms.map { $0 / high },
      source: "popularity: none is given; the length of each item's vector as a share of the longest stands in")
  }
}
