import CKernels
import TestSupport
import Testing

@testable import Retrieval

/// The rotation keeps what a search is about, norms and inner products, and has the same bits everywhere.
@Suite struct RotationTests {
  /// Powers of two, and sizes that need the walk between halves.
  static let dimensions = [1, 8, 16, 24, 33, 40, 64, 100, 104, 128, 200, 256, 1000]

  @Test(arguments: dimensions) func `norms and inner products are kept, with the same bits at every level`(
    _ dimension: Int
  ) throws {
    let (a, b) = (gaussian(dimension, seed: 1), gaussian(dimension, seed: 2))
    for seed in UInt64(0)..<4 {
      let rotation = Rotation(dimension: dimension, seed: seed)
      let (x, y) = (turned(a, rotation, .active), turned(b, rotation, .active))
      let scale = (exactDot(a, a) * exactDot(b, b)).squareRoot()
      #expect(abs(exactDot(x, y) - exactDot(a, b)) <= 1e-5 * scale)
      #expect(abs(exactDot(x, x) - exactDot(a, a)) <= 1e-5 * exactDot(a, a))
      for kernels in Kernels.available { #expect(bits(turned(a, rotation, kernels)) == bits(x), "\(kernels.level)") }
    }
  }

  @Test(arguments: [8, 24, 40, 104, 128]) func `its matrix is orthogonal: the transpose is the inverse`(
    _ dimension: Int
  ) throws {
    let rotation = Rotation(dimension: dimension, seed: 5)
    let columns = (0..<dimension).map { axis in
      turned((0..<dimension).map { $0 == axis ? 1 : 0 }, rotation, .active)
    }
    for (i, column) in columns.enumerated() {
      for (j, other) in columns.enumerated() {
        #expect(abs(exactDot(column, other) - (i == j ? 1 : 0)) < 1e-5, "columns \(i), \(j)")
      }
    }
    let x = gaussian(dimension, seed: 6)
    let back = columns.map { Float(exactDot($0, turned(x, rotation, .active))) }
    for (value, original) in zip(back, x) { #expect(abs(value - original) < 1e-5) }
  }

  @Test(arguments: [24, 64, 104, 128]) func `one dimension's weight is spread over all`(_ dimension: Int) {
    // Without spreading, one cell width would not fit all dimensions.
    for axis in stride(from: 0, to: dimension, by: 5) {
      let x = turned((0..<dimension).map { $0 == axis ? 1 : 0 }, Rotation(dimension: dimension, seed: 7), .active)
      #expect(x.map(abs).max()! < 6 / Float(dimension).squareRoot(), "axis \(axis)")
    }
  }

  @Test func `seeds give other rotations, one seed the same`() {
    let x = gaussian(40, seed: 8)
    let first = turned(x, Rotation(dimension: 40, seed: 1), .active)
    #expect(first == turned(x, Rotation(dimension: 40, seed: 1), .active))
    #expect(first != turned(x, Rotation(dimension: 40, seed: 2), .active))
  }

  private func gaussian(_ dimension: Int, seed: UInt64) -> [Float] {
    var random = SeededRandom(seed: seed)
    return (0..<dimension).map { _ in random.gaussian() }
  }
}

/// With guard pages behind everything that the kernel sees.
func turned(_ x: [Float], _ rotation: Rotation, _ kernels: Kernels) -> [Float] {
  let width = padded(rotation.dimension)
  let row = GuardedBuffer(x + [Float](repeating: 0, count: width - x.count))
  let spare = GuardedBuffer([Float](repeating: 0, count: width))
  let signs = GuardedBuffer((0..<3 * width).map { rotation.signs[$0] })
  kernels.table.pointee.rotate_f32(row.base, width, signs.base, spare.base)
  return (0..<width).map { row.base[$0] }
}

func exactDot(_ a: [Float], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

private func bits(_ x: [Float]) -> [UInt32] { x.map(\.bitPattern) }
