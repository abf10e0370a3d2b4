import CFactorization
import TestSupport
import Testing

@testable import Trainer

/// Every instruction set this machine has, against plain double arithmetic.
struct KernelTests {
  static let available: [String] = ["avx512", "avx2", "portable"].filter { nt_factorization_named($0) != nil }

  /// Small and odd shapes, whole and broken blocks.
  static let shapes = [(1, 16), (5, 16), (16, 16), (17, 32), (40, 48), (64, 64), (100, 64), (3, 128), (130, 112)]

  @Test(arguments: available) func `a system is solved`(name: String) {
    let set = nt_factorization_named(name)!.pointee
    for (count, width) in Self.shapes {
      var random = SeededRandom(seed: UInt64(count * 1000 + width))
      let x = Floats(count * width) { _ in random.gaussian() }
      let roots = Floats(count) { _ in Float.random(in: 0.5...2, using: &random) }
      let diagonal = Floats(width) { _ in Float.random(in: 0.5...3, using: &random) }
      let prior = Floats(width * width) { place in place / width == place % width ? 1 : 0.01 }
      let y = Floats(width) { _ in random.gaussian() }
      let (factor, triangles) = (Floats(width * (width + 16)), Floats(width * 16))

      var a = (0..<width).map { i in (0..<width).map { j in Double(prior[min(i, j) * width + max(i, j)]) } }
      var b = (0..<width).map { Double(y[$0]) }
      for i in 0..<width { a[i][i] += Double(diagonal[i]) }
      for t in 0..<count {
        for i in 0..<width {
          b[i] += Double(roots[t]) * Double(x[t * width + i])
          for j in 0..<width { a[i][j] += Double(x[t * width + i]) * Double(x[t * width + j]) }
        }
      }
      set.solve(
        count, width, x.base, roots.base, diagonal.base, prior.base, y.base, factor.base, triangles.base)
      let error = relativeError((0..<width).map { Double(y[$0]) }, DenseOracle.solve(a, b))
      #expect(error < 2e-5, "\(name) \(count) × \(width): \(error)")
    }
  }

  @Test(arguments: available) func `a product is a product`(name: String) {
    let set = nt_factorization_named(name)!.pointee
    for (count, depth, columns) in [(1, 1, 1), (3, 7, 16), (16, 16, 17), (21, 64, 40)] {
      var random = SeededRandom(seed: UInt64(count))
      let left = Floats(count * depth) { _ in random.gaussian() }
      let stride = paddedToLanes(columns)
      let panels = Floats(stride * depth) { _ in random.gaussian() }
      let out = Floats(count * stride)
      set.multiply(count, depth, left.base, depth, columns, panels.base, out.base, stride)
      for row in 0..<count {
        for column in 0..<columns {
          let expected = (0..<depth).reduce(0.0) { sum, k in
            sum + Double(left[row * depth + k]) * Double(panels[column / 16 * 16 * depth + k * 16 + column % 16])
          }
          #expect(abs(Double(out[row * stride + column]) - expected) < 1e-4)
        }
      }
    }
  }

  @Test(arguments: available) func `the top of a stream keeps the best, earlier before later`(name: String) {
    let set = nt_factorization_named(name)!.pointee
    for (count, limit) in [(1, 1), (5, 10), (16, 3), (333, 20), (64, 0)] {
      var random = SeededRandom(seed: UInt64(count))
      // Few distinct values, so that ties abound; some that must never enter.
      let scores = (0..<count).map { _ in Float(Int.random(in: -5...5, using: &random)) }.map {
        $0 == -5 ? -.infinity : $0
      }
      let (tops, values) = (Floats(max(limit, 1)), Floats(paddedToLanes(count)) { $0 < count ? scores[$0] : 99 })
      var ids = [UInt32](repeating: 0, count: limit + 1)
      var held = 0
      let cut = min(count, 48)  // In two calls: the second goes on where the first ended.
      set.offer(cut, values.base, 100, limit, tops.base, &ids, &held)
      set.offer(count - cut, values.base + cut, 100 + UInt32(cut), limit, tops.base, &ids, &held)
      let order = scores.indices.filter { scores[$0] > -.infinity }
        .sorted { (scores[$1], $0) < (scores[$0], $1) }
      #expect(ids.prefix(held).map { Int($0) - 100 } == Array(order.prefix(limit)), "\(name) \(count) \(limit)")
    }
  }

  @Test func `an unknown set is nil, and the plainest is always there`() {
    #expect(nt_factorization_named("abacus") == nil)
    #expect(nt_factorization_named("portable") != nil)
  }
}

/// Floats on 64 bytes, as the kernels want them.
final class Floats {
  let base: UnsafeMutablePointer<Float>

  init(_ count: Int, _ value: (Int) -> Float = { _ in 0 }) {
    base = allocateFloats(count)
    for place in 0..<count { base[place] = value(place) }
  }

  deinit { base.deallocate() }

  subscript(place: Int) -> Float { base[place] }
}
