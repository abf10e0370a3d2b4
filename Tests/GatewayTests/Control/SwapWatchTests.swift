import Bytes
import Publishing
import Telemetry
import Testing

@testable import Gateway

/// Fixed figures in, sentences out: no clock.
@Suite struct SwapWatchTests {
  let one = version(1)
  let two = version(2)

  private static func version(_ number: Int) -> ModelIdentity {
    ModelIdentity(name: "books", version: number, digest: SHA256.digest(RawSpan()))
  }

  private func second(of microseconds: UInt64, count: Int = 100, longestTurn: UInt64 = 0) -> SwapWatch.Sample {
    var sample = SwapWatch.Sample()
    for _ in 0..<count { sample.latency.record(nanoseconds: microseconds * 1000) }
    sample.longestTurnNanoseconds = longestTurn
    return sample
  }

  @Test func `a swap is told with the tail before, during and after it`() {
    var watch = SwapWatch()
    for _ in 0..<9 { #expect(watch.sampled(second(of: 40)) == nil) }
    #expect(watch.began(two, after: one) == nil)
    watch.switched(microseconds: 120, longestPauseMicroseconds: 30)
    #expect(watch.sampled(second(of: 900, longestTurn: 2_000_000)) == nil)
    #expect(watch.sampled(second(of: 90)) == nil)
    #expect(watch.sampled(second(of: 90)) == nil)
    let report = watch.sampled(second(of: 90))
    #expect(
      report
        == SwapWatch.Report(
          version: two, before: one, switchedMicroseconds: 120, longestPauseMicroseconds: 30,
          p99BeforeMicroseconds: 50, p99DuringMicroseconds: 1000, p99AfterMicroseconds: 100,
          longestTurnMicroseconds: 2000))
    #expect(watch.sampled(second(of: 40)) == nil)
  }

  @Test func `only the last seconds count as before`() {
    var watch = SwapWatch()
    _ = watch.sampled(second(of: 90_000))
    for _ in 0..<SwapWatch.beforeSamples { _ = watch.sampled(second(of: 40)) }
    _ = watch.began(two, after: one)
    var report: SwapWatch.Report?
    for _ in 0..<SwapWatch.duringSamples + SwapWatch.afterSamples { report = watch.sampled(second(of: 40)) }
    #expect(report?.p99BeforeMicroseconds == 50)
  }

  @Test func `a swap that another follows is told with what there is`() {
    var watch = SwapWatch()
    _ = watch.began(one, after: nil)
    _ = watch.sampled(second(of: 40))
    let report = watch.began(two, after: one)
    #expect(report?.version == one && report?.before == nil)
    #expect(report?.p99BeforeMicroseconds == nil && report?.p99DuringMicroseconds == 50)
    #expect(report?.p99AfterMicroseconds == nil)
  }
}
