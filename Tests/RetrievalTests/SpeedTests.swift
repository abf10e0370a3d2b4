import Glibc
import TestSupport
import Testing

@testable import Retrieval

/// Times and recalls of a release build, printed and not judged: machines differ.
/// `NEEDLETAIL_SPEED=1 swift test -c release -Xswiftc -enable-testing --filter SpeedTests`; the value 2 measures a million.
@Suite(.serialized, .enabled(if: getenv("NEEDLETAIL_SPEED") != nil, "set NEEDLETAIL_SPEED to measure"))
struct SpeedTests {
  struct Case: Sendable, CustomStringConvertible {
    var items: Int, dimension: Int, shape: SyntheticVectors.Shape, metric: Metric
    var description: String { "\(items) × \(dimension), \(shape), \(metric)" }
  }

  static let cases: [Case] = {
    let skewed = SyntheticVectors.Shape.clustered(spread: 0.75, normSigma: 0.25)
    var cases = [
      Case(items: 10_000, dimension: 64, shape: skewed, metric: .dot),
      Case(items: 41_000, dimension: 64, shape: skewed, metric: .dot),
      Case(items: 100_000, dimension: 64, shape: skewed, metric: .dot),
      Case(items: 100_000, dimension: 128, shape: skewed, metric: .cosine),
      Case(items: 100_000, dimension: 128, shape: .clustered(spread: 3, normSigma: 0), metric: .cosine),
    ]
    guard getenv("NEEDLETAIL_SPEED").map({ String(cString: $0) }) == "2" else { return cases }
    cases = [
      Case(items: 1_000_000, dimension: 128, shape: skewed, metric: .dot),
      Case(items: 1_000_000, dimension: 128, shape: skewed, metric: .cosine),
    ]
    return cases
  }()

  @Test(arguments: cases) func `speed and recall`(_ c: Case) throws {
    let vectors = SyntheticVectors(c.shape, items: c.items, dimension: c.dimension, users: 1500, seed: 1)
    let start = nanoseconds()
    let built = try IndexBuilder.build(
      vectors: vectors.items, count: c.items, dimension: c.dimension, metric: c.metric, seed: 1,
      calibration: Array(vectors.users[..<(500 * c.dimension)]))
    let index = VectorIndex(built)
    print("\(c): built in \((nanoseconds() - start) / 1_000_000) ms, \(index.listCount) lists, \(index.blockCount) blocks, fill \(Double(c.items) / Double(index.blockCount * 32)), table \(built.efforts)")
    let asked = Array(vectors.users[(500 * c.dimension)...])
    for count in [10, 100, 200] {
      for effort in [Effort.recall90, .recall95, .recall99] {
        let few = Array(asked[..<((c.items > 500_000 ? 100 : 300) * c.dimension)])
        let recall = try measureRecall(index, queries: few, count: count, effort: effort)
        let micros = try time(index, asked, count, effort, nil)
        print("  k \(count) \(effort): \(micros) µs, \(recall)")
      }
    }
    var random = FastGaussian(seed: 3)
    for share in [0.5, 0.1, 0.02, 0.005, 0.001] {
      var allow = Bitmap(count: c.items)
      for item in 0..<c.items where Double(random.below(1 << 20)) / Double(1 << 20) < share { allow.insert(UInt32(item)) }
      let few = Array(asked[..<(100 * c.dimension)])
      let recall = try measureRecall(index, queries: few, count: 10, effort: .recall95, allow: allow)
      let micros = try time(index, few, 10, .recall95, allow)
      print("  filter \(share) k 10: \(micros) µs, \(recall)")
    }
  }

  private func time(_ index: VectorIndex, _ queries: [Float], _ count: Int, _ effort: Effort, _ allow: Bitmap?) throws -> String {
    let scratch = SearchScratch(for: index)
    var times: [UInt64] = []
    var work = SearchWork()
    for _ in 0..<3 {
      for start in stride(from: 0, to: queries.count, by: index.dimension) {
        let query = queries.span.extracting(start..<start + index.dimension)
        let before = nanoseconds()
        try index.search(query, count: count, allow: allow, effort: effort, scratch: scratch)
        times.append(nanoseconds() - before)
        work = scratch.work
      }
    }
    times.sort()
    let mean = Double(times.reduce(0, +)) / Double(times.count) / 1000
    return "mean \((mean * 10).rounded() / 10) p50 \(Double(times[times.count / 2]) / 1000) p99 \(Double(times[times.count * 99 / 100]) / 1000) (\(work.path) \(work.blocksScanned)/\(work.rowsScored))"
  }
}

func nanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
