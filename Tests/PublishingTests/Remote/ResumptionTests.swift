import Testing

@testable import Publishing

@Suite struct ResumptionTests {
  @Test func `waits grow while nothing comes, and end`() {
    var resumption = Resumption()
    #expect((0..<6).map { _ in resumption.waitMilliseconds(afterGaining: 0) } == [200, 400, 800, 1600, nil, nil])
  }

  @Test func `a byte starts the waits anew, but not for ever`() {
    var resumption = Resumption()
    _ = resumption.waitMilliseconds(afterGaining: 0)
    #expect(resumption.waitMilliseconds(afterGaining: 1) == 200)
    let more = (0..<100).prefix { _ in resumption.waitMilliseconds(afterGaining: 1) != nil }
    #expect(more.count == Resumption.attemptsMax - 3)
  }
}
