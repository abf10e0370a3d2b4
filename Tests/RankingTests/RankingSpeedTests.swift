import Glibc
import Retrieval
import TestSupport
import Testing

@testable import Ranking

/// The time of one ranking, printed and not judged. `NEEDLETAIL_SPEED=1 swift test -c release -Xswiftc -enable-testing`.
@Suite(.serialized, .enabled(if: getenv("NEEDLETAIL_SPEED") != nil, "set NEEDLETAIL_SPEED to measure"))
struct RankingSpeedTests {
  @Test(arguments: [20, 100], [Float(0), 0.2]) func `speed of a ranking`(_ count: Int, _ lambda: Float) throws {
    let (items, dimension) = (10_000, 128)
    var random = SeededRandom(seed: 1)
    let vectors = (0..<items * dimension).map { _ in Float.random(in: -1...1, using: &random) }
    let index = VectorIndex(
      try IndexBuilder.build(vectors: vectors, count: items, dimension: dimension, metric: .dot, seed: 1))
    let candidates = (0..<UInt32(200)).map { randomCandidate($0 * 37, &random) }
    let scratch = RankingScratch()
    var weights = RankingWeights()
    weights.diversity = lambda
    var times: [UInt64] = []
    for _ in 0..<2000 {
      let start = nanoseconds()
      scratch.removeAll()
      for candidate in candidates { scratch.append(candidate) }
      Reranker.rank(scratch, weights: weights, count: count, index: index)
      times.append(nanoseconds() - start)
    }
    times.sort()
    print("\(count) of 200 × \(dimension), λ \(lambda): p50 \(Double(times[1000]) / 1000) µs, p99 \(Double(times[1980]) / 1000) µs")
  }

  private func nanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }
}
