import FoundationEssentials
import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import LoadGenerator

/// The generator against real servers. Rates are low, since the machine has other things to do; what is asserted does not
/// depend on its speed.
@Suite(.serialized) struct LoadRunTests {
  private func plan(
    _ server: ToyServer, rate: Double = 300, seconds: Double = 0.6, _ workload: Workload = .standard,
    _ change: (inout LoadPlan) -> Void = { _ in }
  ) throws -> LoadPlan {
    var plan = LoadPlan(
      target: try LoadTarget("http://\(server.address)"), workload: workload, ratePerSecond: rate,
      durationSeconds: seconds)
    plan.warmUpSeconds = 0.05
    plan.connections = 8
    plan.timeoutMilliseconds = 5_000
    // A busy machine makes no good answer a bad one.
    plan.goodWithinMicroseconds = 20_000_000
    change(&plan)
    return plan
  }

  @Test func `every planned request is answered once and counted`() throws {
    let server = try ToyServer { request in
      .answer(body: ToyServer.list(request), fields: "Cache-Status: Needletail; hit; ttl=5; detail=l1\r\n")
    }
    var samples: [SecondSample] = []
    let result = try LoadRun(plan(server, rate: 200, seconds: 2)).run(progress: { samples.append($0) })
    let counts = result.counts
    #expect(counts.offered > 300 && counts.offered == counts.completed && counts.started == counts.offered, "\(counts)")
    #expect(counts.good == counts.completed && counts.errors == 0 && result.errors.isEmpty && result.faults.isEmpty)
    #expect(result.tiers.keys.sorted() == ["l1"] && result.tiers["l1"]?.count == counts.offered)
    #expect(result.statuses["200"]?.count == counts.offered && result.requests["home"]?.count == counts.offered)
    #expect(result.models == ["1": counts.offered])
    #expect(result.series.map(\.second) == [0, 1])
    #expect(result.series.reduce(0) { $0 + $1.offered } == counts.offered)
    #expect(samples.map(\.second) == [0, 1])
    #expect(result.response.p50Microseconds >= result.service.p50Microseconds)
    // The warm-up's requests reached the server and are in no figure.
    #expect(server.requests.count > Int(counts.offered))
  }

  @Test func `a server that stalls shows it in response time, and hides it from service time`() throws {
    let server = try ToyServer { request in
      request.number == 100
        ? .stall(milliseconds: 400, body: ToyServer.list(request)) : .answer(body: ToyServer.list(request))
    }
    // One connection, so that nobody but one request meets the stall as service time; some eighty come meanwhile.
    let result = try LoadRun(
      plan(server, rate: 200, seconds: 2) {
        $0.arrivals = .constant
        $0.connections = 1
      }
    ).run()
    #expect(result.counts.errors == 0 && result.counts.offered > 390)
    #expect(result.service.maxMicroseconds >= 400_000)
    // 80 of 400 requests wait, evenly between 0 and 400 ms: one in ten waits more than half of it.
    #expect(result.response.p90Microseconds >= 150_000, "\(result.response)")
    #expect(result.service.p90Microseconds < 100_000, "\(result.service)")
    #expect(result.counts.late >= 60)
    // And that is the server's fault, not the generator's.
    #expect(result.validity.lag.p90Microseconds < 100_000)
  }

  @Test func `a closed loop asks as fast as it is answered, and waits out a stall`() throws {
    let server = try ToyServer { request in
      request.number == 100
        ? .stall(milliseconds: 400, body: ToyServer.list(request)) : .answer(body: ToyServer.list(request))
    }
    let result = try LoadRun(
      plan(server) {
        $0.arrivals = .closed
        $0.connections = 2
        $0.warmUpSeconds = 0
      }
    ).run()
    #expect(result.counts.errors == 0 && result.counts.completed > 100)
    #expect(result.response.p90Microseconds < 100_000, "two requests met the stall, and nobody else was there to")
    #expect(result.response.maxMicroseconds >= 400_000)
    #expect(result.settings.ratePerSecond == nil)
  }

  @Test func `a wrong body is an error that says what is wrong`() throws {
    let server = try ToyServer { request in
      switch request.number % 4 {
      case 0: .answer(body: ToyServer.list(request, placement: "detail"))
      case 1: .answer(body: ToyServer.list(request, items: (0..<8).map { "i\($0)" } + ["i0"]))
      case 2: .answer(body: "not JSON")
      default: .answer(body: ToyServer.list(request))
      }
    }
    let result = try LoadRun(plan(server)).run()
    let wrong = try #require(result.errors["wrongBody"])
    #expect(result.errors.count == 1 && wrong + result.counts.good == result.counts.offered)
    #expect(abs(Double(wrong) / Double(result.counts.offered) - 0.75) < 0.05)
    #expect(result.faults.count == 5)
    #expect(result.faults.contains { $0.contains("the placement is not the one asked for") }, "\(result.faults)")
    let careless = try LoadRun(plan(server) { $0.verifiesBodies = false }).run()
    #expect(careless.counts.errors == 0)
  }

  @Test func `each way to fail is an error of its own kind, once a request`() throws {
    let server = try ToyServer { request in
      switch request.number % 10 {
      case 1: .close
      case 3: .raw("SSH-2.0-nonsense\r\n")
      case 5: .silence
      case 7: .answer(status: 503, body: "{}", fields: "Retry-After: 1\r\n")
      default: .answer(body: ToyServer.list(request))
      }
    }
    let result = try LoadRun(plan(server, rate: 200) { $0.timeoutMilliseconds = 700 }).run()
    #expect(result.errors.keys.sorted().filter { $0 != "dropped" } == ["malformed", "reset", "status", "timeout"])
    #expect(result.counts.errors == result.errors.values.reduce(0, +))
    #expect(result.counts.good + result.counts.errors == result.counts.offered, "\(result.counts) \(result.errors)")
    #expect(result.statuses["503"]?.count == result.errors["status"])
    // A wait in vain is a duration.
    #expect(result.response.maxMicroseconds >= 700_000)
    #expect(result.counts.connects > 8)
  }

  @Test func `a server that says Connection close is asked again on a new connection`() throws {
    let server = try ToyServer { request in
      .answer(body: ToyServer.list(request), fields: request.number % 3 == 0 ? "Connection: close\r\n" : "")
    }
    let result = try LoadRun(plan(server)).run()
    #expect(result.counts.errors == 0 && result.counts.completed == result.counts.offered, "\(result.errors)")
    #expect(result.counts.connects > 8 + result.counts.offered / 4)
  }

  @Test func `pipelined requests are answered in order`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0, number: $0.number)) }
    let result = try LoadRun(
      plan(server, rate: 2_000) {
        $0.connections = 1
        $0.pipelineDepth = 8
      }
    ).run()
    #expect(result.counts.errors == 0 && result.counts.completed == result.counts.offered)
  }

  @Test func `a GET that was lost with its connection is asked once more, where that is wanted`() throws {
    let server = try ToyServer { request in
      request.number % 5 == 1 ? .close : .answer(body: ToyServer.list(request))
    }
    let strict = try LoadRun(plan(server, rate: 100)).run()
    #expect((strict.errors["reset"] ?? 0) > 0 && strict.counts.retries == 0)
    let patient = try LoadRun(plan(server, rate: 100) { $0.retriesLostGets = true }).run()
    #expect(patient.counts.retries > 0)
    // A second loss is an error; one in five of one in five.
    #expect(patient.counts.errors < strict.counts.errors, "\(patient.errors)")
    #expect(patient.counts.good + patient.counts.errors == patient.counts.offered)
  }

  @Test func `a server that restarts costs what was in flight, and is found again`() throws {
    let first = try ToyServer { .answer(body: ToyServer.list($0)) }
    let port = first.address.port
    var second: ToyServer?
    let result = try LoadRun(plan(first, rate: 200, seconds: 3)).run(actions: [
      ScheduledAction(atSeconds: 0.5, "stop") { first.stop() },
      ScheduledAction(atSeconds: 1, "start") {
        second = try ToyServer(port: port) { .answer(body: ToyServer.list($0)) }
      },
      ScheduledAction(atSeconds: 1.2, "fail") { throw LoadError("on purpose") },
    ])
    #expect(result.marks.map(\.name) == ["stop", "start", "fail"])
    #expect(result.marks.map(\.error) == [nil, nil, "on purpose"])
    #expect(result.marks[1].atSeconds >= 1 && result.marks[1].atSeconds < 2)
    #expect(result.counts.good + result.counts.errors == result.counts.offered, "\(result.errors)")
    #expect(result.counts.connectFailures > 0)
    // Whoever came while it was away and was not the one charged with a refused connection got an answer, late.
    #expect(result.response.maxMicroseconds >= 200_000)
    let last = try #require(result.series.last)
    #expect(last.good == last.offered && last.offered > 0)
    withExtendedLifetime(second) {}
  }

  @Test func `nobody there is said before anything is measured`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let made = try plan(server)
    server.stop()
    let failure = #expect(throws: LoadError.self) { try LoadRun(made).run() }
    #expect(failure?.description.contains("Connection refused. Is the server running?") == true, "\(failure!)")
  }

  @Test func `a run that is ended early gives what it has, marked`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let began = MonotonicClock.nanoseconds
    let result = try LoadRun(plan(server, rate: 200, seconds: 60)).run(isCancelled: {
      MonotonicClock.nanoseconds - began > 1_000_000_000
    })
    #expect(result.isPartial)
    #expect(result.counts.measuredSeconds > 0.2 && result.counts.measuredSeconds < 20)
    #expect(result.counts.offered > 0 && result.counts.errors == 0)
    #expect(abs(result.counts.offeredPerSecond - 200) < 100)
  }

  @Test func `two threads share the load`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let one = try LoadRun(plan(server)).run()
    let two = try LoadRun(plan(server) { $0.threads = 2 }).run()
    #expect(two.counts.offered == one.counts.offered, "the seed decides, not the threads")
    #expect(two.counts.errors == 0 && two.counts.completed == two.counts.offered)
  }

  @Test func `what was recorded is what is replayed`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let folder = TemporaryFolder()
    let path = folder.file("trace.tsv")
    let recorded = try LoadRun(plan(server) { $0.recordPath = path }).run()
    let sent = server.requests.map(\.target)
    let replayServer = try ToyServer { .answer(body: ToyServer.list($0)) }
    let trace = try Trace(path: path)
    #expect(trace.count == sent.count && trace.warmUpSeconds == 0.05 && trace.durationSeconds == 0.6)
    let replayed = try LoadRun(
      plan(replayServer) {
        $0.trace = trace
        $0.connections = 4
      }
    ).run()
    // Connections deliver as they please: the same requests, in another order perhaps.
    #expect(replayServer.requests.map(\.target).sorted() == sent.sorted())
    #expect(replayed.counts.offered == recorded.counts.offered && replayed.counts.errors == 0)
    #expect(replayed.requests.keys.sorted() == ["home"])
  }

  @Test func `a key trace has a line an answer: when, what, how many bytes`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let folder = TemporaryFolder()
    let path = folder.file("keys.trace")
    let result = try LoadRun(plan(server) { $0.recordKeysPath = path }).run()
    #expect(result.counts.errors == 0)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
    let fields = lines.map { $0.split(separator: " ") }
    #expect(fields.allSatisfy { $0.count == 3 && Double($0[0]) != nil && Int($0[2]) ?? 0 > 200 }, "\(lines.first ?? "")")
    #expect(fields.map { String($0[1]) }.sorted() == server.requests.map(\.target).sorted())
  }

  @Test func `clicks follow lists, name them, and are accepted`() throws {
    let server = try ToyServer { request in
      guard request.target == "/v1/events" else { return .answer(body: ToyServer.list(request)) }
      let count = request.body.split(separator: #""eventId""#).count - 1
      return .answer(status: 202, body: #"{"accepted":\#(count),"duplicates":0,"rejected":[]}"#)
    }
    var workload = Workload.standard
    var clicks = ClickModel()
    clicks.clickRate = 1
    clicks.delaySeconds = 0.05
    workload.clicks = clicks
    let result = try LoadRun(plan(server, workload)).run()
    #expect(result.counts.errors == 0, "\(result.errors) \(result.faults)")
    let posts = server.requests.filter { $0.target == "/v1/events" }
    let impressions = try #require(result.events["impression"])
    #expect(impressions > 100 && impressions <= UInt64(posts.count))
    #expect(result.requests["events"]?.count == impressions && result.statuses["202"]?.count == impressions)
    #expect(try #require(result.events["click"]) > impressions / 2, "place 1 alone is clicked every second time")
    let body = try #require(posts.first { $0.body.contains("click") }?.body)
    #expect(body.contains(#""eventType":"impression","userId":"u"#))
    #expect(body.contains(#""recommendationId":"R"#) && body.contains(#""impression":["i0","i1""#))
    #expect(body.contains(#""itemId":"i"#) && body.contains(#""position":"#))
  }
}
