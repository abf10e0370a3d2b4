internal import CKernels

/// A random rotation, by its seed: dimensions become alike, so that one cell width fits them all, and the errors of codes
/// become independent of the data. The same on every machine.
final class Rotation: Sendable {
  let dimension: Int
  private let storage: AlignedStorage<UInt32>
  /// `3 × padded` masks: 0 or the sign bit.
  var signs: UnsafePointer<UInt32> { UnsafePointer(storage.base) }

  init(dimension: Int, seed: UInt64) {
    self.dimension = dimension
    let count = 3 * padded(dimension)
    storage = AlignedStorage(count: count)
    var random = SplitMix(seed: seed ^ 0x726F_7461_7465)
    for index in 0..<count { storage.base[index] = random.next() >> 63 == 0 ? 0 : 0x8000_0000 }
  }

  /// Writes the turned row, padded, to `target`. `spare` has the room of a padded row.
  func turn(
    _ row: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, spare: UnsafeMutablePointer<Float>,
    _ kernels: Kernels
  ) {
    let width = padded(dimension)
    target.update(from: row, count: dimension)
    (target + dimension).update(repeating: 0, count: width - dimension)
    kernels.table.pointee.rotate_f32(target, width, signs, spare)
  }
}
