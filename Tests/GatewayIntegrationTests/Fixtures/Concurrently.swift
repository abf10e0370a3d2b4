import Glibc
import Reactor
import Synchronization
import TestSupport

/// Runs a body on several threads of their own and returns what each said, in order. Blocking clients must not sit on
/// the few threads that Swift's tasks share.
func concurrently<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) throws -> [Result] {
  let results = Guarded([Int: Result]())
  let threads = try (0..<count).map { number in
    try LoopThread.spawn(name: "client-\(number)") {
      let result = body(number)
      results.withLock { $0[number] = result }
    }
  }
  for thread in threads { thread.join() }
  return results.withLock { all in (0..<count).map { all[$0]! } }
}

/// Clients that ask without a pause until they are told to stop: what operations must not disturb.
final class Load {
  struct Report: Sendable {
    var answers = 0
    /// By status; 0 for a connection that ended or fell silent.
    var statuses: [Int: Int] = [:]
    var tiers: [String: Int] = [:]
    var versions: Set<Int> = []
    var slowestMilliseconds = 0

    /// Every answer was 200.
    var isClean: Bool { answers > 0 && statuses == [200: answers] }
  }

  private final class Shared: Sendable {
    let isOver = Atomic(false)
    let answers = Atomic(0)
    let reports = Guarded([Report]())
  }

  private let shared = Shared()
  private var threads: [LoopThread] = []

  init(_ gateway: RunningGateway, clients: Int = 3) throws {
    let (shared, port) = (shared, gateway.port)
    threads = try (0..<clients).map { number in
      try LoopThread.spawn(name: "load-\(number)") {
        let report = Load.run(number, port, shared)
        shared.reports.withLock { $0.append(report) }
      }
    }
  }

  /// Answers so far.
  var answers: Int { shared.answers.load(ordering: .relaxed) }

  /// Waits until that many more have been answered, which shows that the gateway lives.
  func awaitAnswers(_ count: Int) -> Bool {
    let wanted = answers + count
    return eventually { self.answers >= wanted }
  }

  /// Stops the clients and adds up what they saw.
  func stop() -> Report {
    shared.isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    threads = []
    return shared.reports.withLock { $0 }.reduce(into: Report()) { sum, one in
      sum.answers += one.answers
      sum.statuses.merge(one.statuses, uniquingKeysWith: +)
      sum.tiers.merge(one.tiers, uniquingKeysWith: +)
      sum.versions.formUnion(one.versions)
      sum.slowestMilliseconds = max(sum.slowestMilliseconds, one.slowestMilliseconds)
    }
  }

  private static func run(_ number: Int, _ port: Int, _ shared: Shared) -> Report {
    var report = Report()
    var random = SeededRandom(seed: UInt64(number))
    var client: HTTPClient?
    while !shared.isOver.load(ordering: .relaxed) {
      guard let open = client ?? HTTPClient(port: port) else {
        report.statuses[0, default: 0] += 1
        report.answers += 1
        continue
      }
      client = open
      let started = milliseconds()
      let answer = open.get(query(&random))
      report.slowestMilliseconds = max(report.slowestMilliseconds, milliseconds() - started)
      report.answers += 1
      report.statuses[answer?.status ?? 0, default: 0] += 1
      if let tier = answer?.tier { report.tiers[tier, default: 0] += 1 }
      if let version = try? answer?.recommendations.model?.version { report.versions.insert(version) }
      if answer == nil { client = nil }
      shared.answers.add(1, ordering: .relaxed)
    }
    return report
  }

  private static func query(_ random: inout SeededRandom) -> String {
    let number = Int.random(in: 1...99, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return target("home", "userId=u00\(number < 10 ? "0" : "")\(number)&numResults=3")
    case 1: return target("home", "userId=visitor-\(random.next() % 5000)&numResults=3")
    case 2: return target("detail", "itemId=b00\(number < 10 ? "0" : "")\(number)&numResults=3")
    case 3: return target("trending", "numResults=3")
    default: return target("home", "segment=\(number % 4)&numResults=3")
    }
  }
}

func milliseconds() -> Int {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
