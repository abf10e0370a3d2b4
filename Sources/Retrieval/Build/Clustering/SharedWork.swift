internal import Dispatch

/// Cuts a loop into pieces that threads share, and reports between handfuls of pieces, on the thread that called.
///
/// What a piece writes must be its own: then the number of threads shows in the time only.
final class SharedWork {
  private let threads: Int?
  private let progress: IndexBuilder.Progress?
  private var step = IndexBuildStep.clustering
  private var window = (from: 0, to: 1, parts: 1)
  private var reported = 0.0

  /// Products of bytes between two reports: 20 ms of two cores with AVX-512, 60 ms with AVX2.
  static let sliceProducts = 8 << 30

  init(threads: Int?, progress: IndexBuilder.Progress?) {
    self.threads = threads
    self.progress = progress
  }

  /// Reports count from here as this part of the step.
  func enter(_ step: IndexBuildStep, from: Int, to: Int, of parts: Int) {
    if step != self.step { reported = 0 }
    self.step = step
    window = (from, to, parts)
    report(0)
  }

  /// A window may hold several loops: the later ones report when they get further than the first did.
  private func report(_ share: Double) {
    let (from, width) = (Double(window.from), Double(window.to - window.from))
    reported = max(reported, (from + width * share) / Double(window.parts))
    progress?(step, reported)
  }

  /// Runs pieces 0 ..< pieces in any order. `products` is what all of them take together, in products of bytes.
  func perform(_ pieces: Int, products: Int, _ body: @Sendable (Int) -> Void) {
    let slices = min(max(1, products / Self.sliceProducts), max(1, pieces))
    for slice in 0..<slices {
      let (first, last) = (pieces * slice / slices, pieces * (slice + 1) / slices)
      perform(first..<last, body)
      report(Double(slice + 1) / Double(slices))
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
