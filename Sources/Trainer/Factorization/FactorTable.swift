import CFactorization

/// Factor rows as the kernels want them: rows padded with zeros to `width`, a multiple of `NT_LANES`, on 64 bytes.
///
/// Threads write disjoint rows of one table, and read another; hence a class of raw memory, and unchecked.
final class FactorTable: @unchecked Sendable {
  let count: Int
  let dimension: Int
  let width: Int
  let base: UnsafeMutablePointer<Float>

  init(count: Int, dimension: Int) {
    self.count = count
    self.dimension = dimension
    width = paddedToLanes(dimension)
    base = allocateFloats(count * width)
  }

  convenience init(rows: [Float], dimension: Int) {
    self.init(count: rows.count / dimension, dimension: dimension)
    rows.withUnsafeBufferPointer { rows in
      for row in 0..<count {
        self.row(row).update(from: rows.baseAddress! + row * dimension, count: dimension)
      }
    }
  }

  deinit { base.deallocate() }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * width }

  /// The rows without their padding.
  func compact() -> [Float] {
    [Float](unsafeUninitializedCapacity: count * dimension) { rows, initialized in
      for index in 0..<count {
        (rows.baseAddress! + index * dimension).initialize(from: row(index), count: dimension)
      }
      initialized = count * dimension
    }
  }

  /// Every number finite? A NaN anywhere makes the sum one, and an infinity stays or becomes a NaN.
  var isFinite: Bool {
    var sum: Float = 0
    for place in 0..<count * width { sum += base[place] * 0 }
    return sum == 0
  }
}

func paddedToLanes(_ count: Int) -> Int { (count + NT_LANES - 1) & ~(NT_LANES - 1) }

/// Zeroed, on 64 bytes; the caller deallocates.
func allocateFloats(_ count: Int) -> UnsafeMutablePointer<Float> {
  let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
  let floats = raw.bindMemory(to: Float.self, capacity: max(count, 1))
  floats.initialize(repeating: 0, count: max(count, 1))
  return floats
}
