import Testing

@testable import Trainer

struct RankingMetricsTests {
  private func close(_ left: Double, _ right: Double) -> Bool { abs(left - right) < 1e-12 }

  @Test func `a list worked out by hand`() {
    // Hits at ranks 2 and 4 of 5, three test items: DCG = 1/log₂3 + 1/log₂5, ideal = 1 + 1/log₂3 + 1/log₂4.
    let metrics = RankingMetrics(cutoff: 5, ranked: [7, 3, 9, 1, 8], relevant: [1, 3, 100])
    #expect(close(metrics.recall, 2.0 / 3))
    #expect(close(metrics.precision, 0.4))
    #expect(close(metrics.ndcg, (0.6309297535714575 + 0.43067655807339306) / (1 + 0.6309297535714575 + 0.5)))
    #expect(metrics.hit == 1)
    #expect(metrics.mrr == 0.5)
  }

  @Test func `a perfect list scores one, however few its test items`() {
    let metrics = RankingMetrics(cutoff: 10, ranked: [4, 2, 5, 6], relevant: [2, 4])
    #expect(metrics.recall == 1 && metrics.ndcg == 1 && metrics.hit == 1 && metrics.mrr == 1)
    #expect(close(metrics.precision, 0.2), "over the cutoff, not over the hits that can be")
  }

  @Test func `more test items than the cutoff: the ideal stops at the cutoff, recall does not`() {
    let metrics = RankingMetrics(cutoff: 2, ranked: [1, 2, 3], relevant: [1, 2, 3, 4])
    #expect(metrics.ndcg == 1 && metrics.recall == 0.5 && metrics.precision == 1)
  }

  @Test func `no hit within the cutoff scores nothing`() {
    let metrics = RankingMetrics(cutoff: 2, ranked: [1, 2, 3], relevant: [3])
    #expect(metrics.recall == 0 && metrics.ndcg == 0 && metrics.hit == 0 && metrics.mrr == 0 && metrics.precision == 0)
  }

  @Test func `an empty list scores nothing`() {
    let metrics = RankingMetrics(cutoff: 3, ranked: [], relevant: [3])
    #expect(metrics == RankingMetrics(cutoff: 3))
  }
}
