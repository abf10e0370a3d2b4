import TestSupport
import Testing

@testable import Retrieval

@Suite struct SimilarityRowsTests {
  @Test func `cosines are within a hundredth of the exact ones, for sets that grow, shrink and change dimension`() {
    var rows = SimilarityRows()
    for (count, dimension) in [(5, 40), (33, 3), (200, 16), (1, 1), (64, 100)] {
      let vectors = SyntheticVectors(.gaussian, items: count, dimension: dimension, users: 1, seed: UInt64(count))
      rows.removeAll(vectors: count, dimension: dimension)
      for item in 0..<count {
        let row = vectors.item(item)
        rows.append(row.span)
      }
      var cosines = [Float](repeating: 0, count: count)
      for chosen in 0..<count {
        rows.cosines(with: chosen, into: &cosines)
        for item in 0..<count {
          #expect(abs(cosines[item] - cosine(vectors.item(chosen), vectors.item(item))) < 0.012)
        }
        #expect(abs(cosines[chosen] - 1) < 1e-5)
      }
    }
  }

  @Test func `a zero row is similar to nothing`() {
    var rows = SimilarityRows()
    rows.removeAll(vectors: 2, dimension: 3)
    let (zero, one): ([Float], [Float]) = ([0, 0, 0], [1, 0, 0])
    rows.append(zero.span)
    rows.append(one.span)
    var cosines: [Float] = [9, 9]
    rows.cosines(with: 0, into: &cosines)
    #expect(cosines == [0, 0])
    rows.cosines(with: 1, into: &cosines)
    #expect(cosines == [0, 1])
  }

  private func cosine(_ a: [Float], _ b: [Float]) -> Float {
    expectedDot(a, b) / (expectedDot(a, a) * expectedDot(b, b)).squareRoot()
  }
}
