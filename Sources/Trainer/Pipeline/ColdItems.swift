/// Vectors for items that nobody has touched yet, so that they can be found: the mean of the vectors of their
/// categories, as long as the rows of little-touched items are (training reference §7: else they surface never or
/// always).
///
/// The stand-in until a content prior is learnt with the factors. Items without a known category keep a zero row, which
/// no search prefers.
enum ColdItems {
  /// Rows of items with at most this many interactions set the length.
  static let fewInteractions = 3

  /// - Parameters:
  ///   - vectors: items × dimension; zero rows of untouched items are filled in.
  ///   - degrees: how many users touched each item.
  /// - Returns: how many were filled.
  static func fill(_ vectors: inout [Float], dimension: Int, items: [CatalogueItem], degrees: [Int]) -> Int {
    let means = categoryMeans(vectors, dimension, items, degrees)
    let length = typicalLength(vectors, dimension, degrees)
    var filled = 0
    for item in items.indices where degrees[item] == 0 {
      var sum = [Double](repeating: 0, count: dimension)
      for category in items[item].categories {
        guard let mean = means[category] else { continue }
        for place in 0..<dimension { sum[place] += mean[place] }
      }
      let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard norm > 0 else { continue }
      for place in 0..<dimension { vectors[item * dimension + place] = Float(sum[place] / norm * length) }
      filled += 1
    }
    return filled
  }

  private static func categoryMeans(
    _ vectors: [Float], _ dimension: Int, _ items: [CatalogueItem], _ degrees: [Int]
  ) -> [String: [Double]] {
    var sums: [String: (vector: [Double], count: Double)] = [:]
    for item in items.indices where degrees[item] > 0 {
      for category in items[item].categories {
        var sum = sums[category] ?? ([Double](repeating: 0, count: dimension), 0)
        for place in 0..<dimension { sum.vector[place] += Double(vectors[item * dimension + place]) }
        sum.count += 1
        sums[category] = sum
      }
    }
    return sums.mapValues { sum in sum.vector.map { $0 / sum.count } }
  }

  private static func typicalLength(_ vectors: [Float], _ dimension: Int, _ degrees: [Int]) -> Double {
    func length(_ item: Int) -> Double {
      vectors[item * dimension..<(item + 1) * dimension].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    var lengths = degrees.indices.filter { degrees[$0] > 0 && degrees[$0] <= fewInteractions }.map(length)
    if lengths.isEmpty { lengths = degrees.indices.filter { degrees[$0] > 0 }.map(length) }
    return lengths.isEmpty ? 0 : lengths.reduce(0, +) / Double(lengths.count)
  }
}
