internal import Dispatch

/// Cuts a loop into pieces that threads share, and reports between handfuls of pieces, on the thread that called.
///
/// What a piece writes must be its own: then the number of threads shows in the time only.
final class SharedWork {
  private let threads: Int?
  private let progress: IndexBuilder.Progress?
  private var step = IndexBuildStep.clustering
  private var window: (from: Double, width: Double) = (0, 0)

  /// Products of bytes between two reports: 20 ms of two cores with AVX-512, 60 ms with AVX2.
  static let sliceProducts = 8 << 30

  init(threads: Int?, progress: IndexBuilder.Progress?) {
    self.threads = threads
    self.progress = progress
  }

  /// Reports count from here as this part of the step.
  func enter(_ step: IndexBuildStep, from: Int, to: Int, of parts: Int) {
    self.step = step
    window = (Double(from) / Double(parts), Double(to - from) / Double(parts))
    progress?(step, window.from)
  }

  /// Runs pieces 0 ..< pieces in any order. `products` is what all of them take together, in products of bytes.
  func perform(_ pieces: Int, products: Int, _ body: @Sendable (Int) -> Void) {
    let slices = min(max(1, products / Self.sliceProducts), max(1, pieces))
    for slice in 0..<slices {
      let (first, last) = (pieces * slice / slices, pieces * (slice + 1) / slices)
      perform(first..<last, body)
      progress?(step, window.from + window.width * Double(slice + 1) / Double(slices))
    }
  }

  private func perform(_ pieces: Range<Int>, _ body: @Sendable (Int) -> Void) {
    guard let threads else {
      DispatchQueue.concurrentPerform(iterations: pieces.count) { body(pieces.lowerBound + $0) }
      return
    }
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      for piece in stride(from: pieces.lowerBound + thread, to: pieces.upperBound, by: threads) { body(piece) }
    }
  }
}
