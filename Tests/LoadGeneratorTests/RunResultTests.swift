import Testing

@testable import LoadGenerator

@Suite struct RunResultTests {
  private func plan(_ slo: String) throws -> LoadPlan {
    var plan = LoadPlan(
      target: try LoadTarget("http://127.0.0.1:1"), workload: .standard, ratePerSecond: 100, durationSeconds: 2)
    plan.slo = try SLO(slo)
    return plan
  }

  /// A hundred answers of 1…100 ms from l1, offered in two seconds, and some failures.
  private func result(_ slo: String, failures: Int = 0, lagMicroseconds: UInt64 = 10, cpuShare: Double = 0.1) throws
    -> RunResult
  {
    let plan = try plan(slo)
    var tally = Tally(requests: 2, seconds: 2)
    for number in 0..<100 {
      var request = PendingRequest(index: UInt64(number), planned: Int64(number) * 20_000_000)
      tally.noteOffered(request.planned)
      tally.lag.record(nanoseconds: lagMicroseconds * 1_000)
      request.sent = request.planned + 10_000
      tally.noteStarted(request)
      if number < failures {
        tally.noteFailure(request, .reset, now: request.sent, wasSent: true)
      } else {
        var answer = ResponseParser.Answer(status: 200, tier: .l1)
        answer.consumed = 100
        tally.noteAnswer(
          request, answer, now: request.planned + Int64(number + 1) * 1_000_000, isRecommendation: true, error: nil,
          goodWithin: UInt64(plan.goodWithin * 1_000))
      }
    }
    let report = ThreadReport(
      tally: tally, cpuNanoseconds: Int64(cpuShare * 2e9), wallNanoseconds: 2_000_000_000)
    return RunResult(
      plan, reports: [report], measuredSeconds: 2, isPartial: false, startedAt: "now",
      environment: RunEnvironment(target: plan.target), marks: [])
  }

  @Test(arguments: [
    ("p50=51ms", true), ("p50=49ms", false), ("max=101ms", true), ("max=99ms", false), ("l1:p90=91ms", true),
    ("l2:p90=91ms", false), ("errors=0", true), ("dropped=0", true), ("within=51ms,goodput=50%", true),
    ("within=51ms,goodput=52%", false), ("within=1s,goodput=50/s", true), ("within=1s,goodput=51/s", false),
  ])
  func `an objective is met, or it is not`(slo: String, isMet: Bool) throws {
    let result = try result(slo)
    #expect(result.isSLOMet == isMet, "\(result.slo)")
  }

  @Test(arguments: [
    ("errors=0", false), ("errors=4", true), ("errors=3", false), ("errors=4%", true), ("errors=3.9%", false),
  ])
  func `errors are counted against all that was offered`(slo: String, isMet: Bool) throws {
    let result = try result(slo, failures: 4)
    #expect(result.isSLOMet == isMet, "\(result.slo)")
    #expect(result.errors == ["reset": 4] && result.counts.completed == 96)
  }

  @Test func `a late or busy generator makes a run invalid, and says so`() throws {
    #expect(try result("p99=1s").validity.isValid)
    let late = try result("p99=1s", lagMicroseconds: 1_200)
    #expect(!late.validity.isValid && late.validity.reasons.count == 1)
    #expect(late.validity.reasons[0].contains("lag p99 1.2ms"), "\(late.validity.reasons)")
    let busy = try result("p99=1s", cpuShare: 0.9)
    #expect(!busy.validity.isValid && busy.validity.reasons[0].contains("90% of a core"))
  }

  @Test func `a line of JSON is read back as it was`() throws {
    let result = try result("p99=1s,errors=0", failures: 2)
    let line = result.jsonLine()
    #expect(!line.contains("\n"))
    #expect(try RunResult.read(jsonLine: line).jsonLine() == line)
    #expect(line.contains(#""p99Microseconds":"#) && line.contains(#""curve":[{"#))
  }

  @Test func `seconds are those in which requests were planned`() throws {
    let result = try result("p99=1s")
    #expect(result.series.map(\.offered) == [50, 50])
    // 100 ms lie within the good 50 only for the first fifty.
    #expect(result.series[0].maxMicroseconds == 50_000 && result.series[1].maxMicroseconds == 100_000)
  }

  @Test func `numbers are written for people`() {
    #expect(Figures.duration(0.4) == "0.4us" && Figures.duration(87) == "87us" && Figures.duration(1_834) == "1.83ms")
    #expect(Figures.duration(2_100_000) == "2.1s" && Figures.duration(123_456) == "123ms")
    #expect(Figures.count(1_234_567) == "1,234,567" && Figures.count(12) == "12")
    #expect(Figures.percent(0.99704) == "99.7%" && Figures.rate(12_400) == "12,400/s")
  }
}

@Suite struct RateSweepTests {
  private func series(_ shares: [Double]) -> [SecondSample] {
    shares.enumerated().map { second, share in
      SecondSample(
        second: second, offered: 100, completed: 100, good: UInt64(share * 100), errors: 0, p50Microseconds: 0,
        p99Microseconds: 0, maxMicroseconds: 0)
    }
  }

  @Test(
    arguments: [
      ([0.3, 0.3, 1, 1], 0.0), ([0.3, 0.3, 0.5, 1], 1), ([0.3, 0.3, 1, 0.2, 1, 1], 2), ([0.3, 0.3, 1, 0.5], nil),
      ([1, 1], nil),
    ] as [([Double], Double?)])
  func `recovery lasts until goodput follows for good`(shares: [Double], wanted: Double?) {
    #expect(RateSweep.recovery(series(shares), afterSeconds: 2) == wanted)
  }

  /// A server that answers so many a second well and everything beyond badly, without the wait.
  private func pretend(_ plan: LoadPlan, capacity: Double) throws -> RunResult {
    let factors =
      plan.workload.phases.isEmpty ? [(plan.durationSeconds, 1.0)] : plan.workload.phases.map { ($0.seconds, $0.rate) }
    var tally = Tally(requests: 2, seconds: Int(plan.durationSeconds))
    var second = 0
    for (seconds, factor) in factors {
      for _ in 0..<Int(seconds) {
        let offered = Int(plan.ratePerSecond * factor)
        for number in 0..<offered {
          let request = PendingRequest(index: 0, planned: Int64(second) * 1_000_000_000 + Int64(number))
          tally.noteOffered(request.planned)
          let isGood = Double(number) < capacity
          tally.noteAnswer(
            request, ResponseParser.Answer(status: isGood ? 200 : 503), now: request.planned + 1_000,
            isRecommendation: true,
            error: isGood ? nil : .status, goodWithin: 50_000_000)
        }
        second += 1
      }
    }
    let report = ThreadReport(tally: tally, cpuNanoseconds: 0, wallNanoseconds: 1)
    return RunResult(
      plan, reports: [report], measuredSeconds: plan.durationSeconds, isPartial: false, startedAt: "now",
      environment: RunEnvironment(target: plan.target), marks: [])
  }

  @Test func `the knee is the last rate that held, and overload is a multiple of it`() throws {
    var sweep = RateSweep(
      LoadPlan(target: try LoadTarget("http://127.0.0.1:1"), workload: .standard, ratePerSecond: 1, durationSeconds: 1))
    sweep.firstRate = 100
    sweep.factor = 2
    sweep.stepSeconds = 1
    sweep.overloadSeconds = 2
    sweep.recoverySeconds = 2
    let outcome = try sweep.run { try pretend($0, capacity: 500) }
    #expect(outcome.steps.map(\.ratePerSecond) == [100, 200, 400, 800])
    #expect(outcome.steps.map(\.holds) == [true, true, true, false])
    #expect(outcome.kneePerSecond == 400 && outcome.peakGoodPerSecond == 500)
    #expect(outcome.overloads.map(\.ratePerSecond) == [800, 1_200])
    #expect(outcome.overloads.map(\.goodPerSecond) == [500, 500] && outcome.goodShareKept == 1)
    #expect(outcome.overloads.map(\.recoverySeconds) == [0, 0])
  }

  @Test func `a rate that never holds has no knee`() throws {
    var sweep = RateSweep(
      LoadPlan(target: try LoadTarget("http://127.0.0.1:1"), workload: .standard, ratePerSecond: 1, durationSeconds: 1))
    sweep.firstRate = 100
    let outcome = try sweep.run { try pretend($0, capacity: 10) }
    #expect(outcome.kneePerSecond == nil && outcome.steps.count == 1 && outcome.overloads.isEmpty)
  }

  @Test func `a sweep of a workload with phases of its own is refused`() throws {
    var workload = Workload.standard
    workload.phases = [Phase(seconds: 1)]
    let plan = LoadPlan(
      target: try LoadTarget("http://127.0.0.1:1"), workload: workload, ratePerSecond: 1, durationSeconds: 1)
    #expect(throws: LoadError.self) { try RateSweep(plan).run { try pretend($0, capacity: 1) } }
  }
}

@Suite struct LoadTargetTests {
  @Test func `a server is given by its address`() throws {
    let target = try LoadTarget("http://127.0.0.1:8080/")
    #expect(target.host == "127.0.0.1:8080" && target.isLoopback && !target.isUnix)
    #expect(Array(target.address[2..<8]) == [0x1F, 0x90, 127, 0, 0, 1])
    #expect(try LoadTarget("[::1]:8080").isLoopback)
    #expect(try LoadTarget("unix:/tmp/a.sock").isUnix)
    #expect(try LoadTarget("http://192.0.2.1").isLoopback == false)
  }

  @Test(arguments: [
    "https://a", "http://127.0.0.1/path", "http://127.0.0.1:99999", "http://", "unix:", "http://no.such.host.invalid",
  ])
  func `what cannot be loaded is refused`(text: String) {
    #expect(throws: LoadError.self) { try LoadTarget(text) }
  }

  @Test func `a plan that makes no sense is refused before it starts`() throws {
    let good = LoadPlan(
      target: try LoadTarget("127.0.0.1:1"), workload: .standard, ratePerSecond: 1, durationSeconds: 1)
    let changes: [(inout LoadPlan) -> Void] = [
      { $0.durationSeconds = 0 }, { $0.ratePerSecond = 0 }, { $0.threads = 0 }, { $0.connections = 0 },
      { $0.pipelineDepth = 65 },
      { $0.timeoutMilliseconds = 1 }, { $0.connections = 100_000 },
    ]
    for change in changes {
      var plan = good
      change(&plan)
      #expect(throws: LoadError.self) { try plan.check() }
    }
    try good.check()
  }
}
