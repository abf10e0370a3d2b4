import Bytes
import Testing

@testable import LoadGenerator

@Suite struct WorkloadTests {
  private let mixed = """
    about: a mix
    users: {prefix: u, digits: 4, count: 100, distribution: zipf, exponent: 1.1, churnEvery: 10s, churnShare: 0.2}
    items: {prefix: b, count: 50, distribution: uniform}
    requests:
      - {placement: home, results: 9, weight: 3}
      - {name: like, placement: detail, subject: item, query: "device=mobile&x={user}-{n}"}
      - name: page
        batch:
          - {placement: home, results: 4}
          - {placement: trending, subject: anonymous}
    phases:
      - {for: 5s}
      - {for: 500ms, rate: 6, users: {count: 1}}
    clicks: {positionBias: 0.8, clickRate: 0.5, delay: 50ms, impressions: false}
    """

  @Test func `a file says who asks for what`() throws {
    let workload = try Workload(yaml: mixed, file: "LoadTests/Workloads/mixed.yaml")
    #expect(workload.name == "mixed" && workload.about == "a mix")
    #expect(workload.users.count == 100 && workload.users.exponent == 1.1 && workload.users.churnEverySeconds == 10)
    #expect(workload.items.distribution == .uniform && workload.items.digits == 4)
    #expect(workload.requests.map(\.name) == ["home", "like", "page"])
    #expect(workload.requests.map(\.isBatch) == [false, false, true])
    #expect(workload.requests[0].weight == 3 && workload.requests[0].lists[0].results == 9)
    #expect(workload.phases.map(\.seconds) == [5, 0.5] && workload.phases[1].rate == 6)
    // What a phase does not say of its users is as in the whole.
    #expect(workload.phases[1].users?.count == 1 && workload.phases[1].users?.exponent == 1.1)
    #expect(workload.clicks?.positionBias == 0.8 && workload.clicks?.sendsImpressions == false)
  }

  @Test(arguments: [
    ("requests:\n  - {placement: home, reslts: 9}", "w.yaml:2: unknown key \"reslts\"; here are known:"),
    ("usres: {}\nrequests:\n  - {placement: home}", "w.yaml:1: unknown key \"usres\""),
    ("users: {count: 0}\nrequests:\n  - {placement: home}", "w.yaml:1: count: \"0\" is not a whole number of 1 to"),
    ("users: {distribution: gauss}\nrequests: [{}]", "distribution: \"gauss\" is none of: zipf uniform cycle"),
    ("about: x", "requests are missing"),
    ("requests: []", "requests must be a list of one or more"),
    ("requests:\n  - {placement: Home}", "must be 1 to 32 of a-z, 0-9 and -"),
    ("requests: [{}]\nphases: [{rate: 2}]", "a phase needs its length"),
    ("requests: [{}]\nphases: [{for: 5}]", "for: \"5\" is no duration"),
    ("requests: [{}, {}]", "two requests are called \"home\""),
    ("requests: [{target: nowhere}]", "must begin with /"),
    ("requests: [{target: /a, placement: home}]", "do not belong beside it"),
    ("requests: [{query: 'a b'}]", "must be percent-encoded"),
    ("users: {prefix: 'a&b'}\nrequests: [{}]", "letters, digits"),
    ("requests: [{}]\nclicks: {clickRate: 2}", "clickRate: \"2\" is not a number of 0.0 to 1.0"),
    ("requests: [", "w.yaml: "),
    ("", "the file is empty"),
  ])
  func `a mistake is told with its line`(yaml: String, sentence: String) {
    let failure = #expect(throws: LoadError.self) { try Workload(yaml: yaml, file: "w.yaml") }
    #expect(failure?.description.hasPrefix("w.yaml") == true)
    #expect(failure?.description.contains(sentence) == true, "\(failure?.description ?? "")")
  }

  @Test func `every shipped workload is read, and says what it is`() throws {
    let folder = shippedWorkloads()
    #expect(folder.count >= 8, "\(folder)")
    for path in folder {
      let workload = try Workload(path: path)
      #expect(!workload.about.isEmpty, "\(path)")
    }
  }

  private func requests(_ seed: UInt64, threads: Int, _ plan: (inout LoadPlan) -> Void = { _ in }) throws -> [String] {
    var made = LoadPlan(
      target: try LoadTarget("http://127.0.0.1:80"), workload: try Workload(yaml: mixed, file: "w.yaml"),
      ratePerSecond: 300, durationSeconds: 6)
    made.seed = seed
    made.threads = threads
    plan(&made)
    var all: [(seconds: Double, text: String)] = []
    for thread in 0..<threads {
      var source = RequestSource(made, thread: thread)
      while let arrival = source.next() {
        var out = ByteBuffer()
        _ = source.compose(arrival, into: &out)
        let bytes = out.withBytes { $0.withUnsafeBytes { Array($0) } }
        all.append((arrival.seconds, "\(arrival.seconds) \(String(decoding: bytes, as: UTF8.self))"))
      }
    }
    return all.sorted { $0.seconds < $1.seconds }.map(\.text)
  }

  @Test func `the same seed makes the same requests at the same times, whatever the number of threads`() throws {
    let one = try requests(9, threads: 1)
    #expect(one.count > 1_000)
    #expect(try requests(9, threads: 1) == one)
    #expect(try requests(9, threads: 3) == one)
    #expect(try requests(10, threads: 1) != one)
  }

  @Test func `requests are what the template says`() throws {
    let all = try requests(9, threads: 1)
    let home = try #require(all.first { $0.contains("placements/home") })
    #expect(home.contains(" GET /v1/placements/home/recommendations?userId=u0") || home.contains("userId=u1"))
    #expect(home.hasSuffix("&numResults=9 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"))
    let like = try #require(all.first { $0.contains("placements/detail") })
    #expect(like.contains("?itemId=b00") && like.contains("&device=mobile&x=u0"))
    let page = try #require(all.first { $0.contains("POST ") })
    #expect(page.contains("POST /v1/recommendations:batch HTTP/1.1\r\n"))
    let body = try #require(page.split(separator: "\r\n\r\n").last)
    #expect(page.contains("Content-Length: \(body.utf8.count)\r\n"))
    #expect(body.hasPrefix(#"{"requests":[{"placement":"home","userId":"u0"#))
    #expect(body.hasSuffix(#"","numResults":4},{"placement":"trending"}]}"#))
    let shares = [home, like, page].map { one in
      Double(all.count { $0.contains(one.contains("POST") ? "POST" : one.contains("/home/") ? "/home/" : "/detail/") })
        / Double(all.count)
    }
    #expect(abs(shares[0] - 0.6) < 0.06 && abs(shares[1] - 0.2) < 0.06, "\(shares)")
  }

  @Test func `a cycle meets everybody once before anybody twice`() throws {
    var population = Population()
    population.count = 10
    population.distribution = .cycle
    let draw = IDDraw(population)
    var random = Random64(seed: 1)
    let numbers = (0..<20).map { draw.draw(index: UInt64($0), seconds: 0, &random).number }
    #expect(numbers == Array(1...10) + Array(1...10))
  }

  @Test func `a churn gives the hottest place to somebody else`() throws {
    var population = Population()
    population.count = 1_000
    population.exponent = 2
    population.churnEverySeconds = 10
    let draw = IDDraw(population)
    func hottest(_ seconds: Double) -> Int {
      var random = Random64(seed: 2)
      var counts: [Int: Int] = [:]
      for index in 0..<2_000 {
        counts[draw.draw(index: UInt64(index), seconds: seconds, &random).number, default: 0] += 1
      }
      return counts.max { $0.value < $1.value }!.key
    }
    #expect(hottest(0) == hottest(9.9))
    #expect(Set([hottest(0), hottest(10), hottest(20)]).count == 3)
  }

  @Test func `strangers come once, in their share`() throws {
    var population = Population()
    population.unknownShare = 0.25
    let draw = IDDraw(population)
    var random = Random64(seed: 3)
    let all = (0..<10_000).map { draw.draw(index: UInt64($0), seconds: 0, &random) }
    let strangers = all.filter(\.isUnknown)
    #expect(abs(strangers.count - 2_500) < 220)
    #expect(Set(strangers.map(\.number)).count == strangers.count)
    var text = ByteBuffer()
    draw.write(strangers[0], to: &text)
    #expect(
      text.withBytes { $0.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } } == "unknown-\(strangers[0].number)")
  }
}
