import Bytes
import Snapshots
import TestSupport
import Testing

@testable import Retrieval

/// The bytes of small indexes as they were when this was written, on whatever machine. Who changes them on purpose raises
/// `IndexTag.layout` if the meaning changed, and puts the new sums here.
@Suite struct GoldenIndexTests {
  static let flat = "873957ad5228fd4237f7070f6093317c4610619d8fcde4f0b15634fc8bf93b5b"
  static let listed = "b6e66e7045892b04ad4d41bedd2e7952294e8744d35ae092acc3b5d19cc0a512"

  @Test func `a seed gives these bytes, at every kernel level`() throws {
    for (items, dimension, sum) in [(300, 20, Self.flat), (8300, 7, Self.listed)] {
      // No logarithms or powers, whose last bits differ between machines.
      var random = FastGaussian(seed: 40)
      let vectors = (0..<items * dimension).map { _ in random.next() }
      let users = (0..<40 * dimension).map { _ in random.next() }
      for kernels in Kernels.available {
        let built = try IndexBuilder.build(
          vectors: vectors, count: items, dimension: dimension, metric: .dot, seed: 5, calibration: users, kernels: kernels)
        var hash = SHA256()
        for (_, section) in built.sections {
          let bytes = section.bytes.span.bytes
          hash.update(bytes)
        }
        let found = hash.finish().description
        #expect(found == sum, "\(items) items, \(kernels.level): \(found)")
      }
    }
  }
}
