internal import Bytes

/// What one generator thread sends, and when: the part of a workload or of a trace that is its own.
///
/// All threads walk through the same sequence, and each takes every n-th request of it: so neither the requests nor their
/// times depend on how many threads there are.
struct RequestSource: Sendable {
  struct Arrival {
    var index: UInt64
    /// Since the measured part began.
    var seconds: Double
  }

  private enum Origin: Sendable {
    case workload(ArrivalClock)
    case trace(Trace, speed: Double)
  }

  let composer: RequestComposer
  private var origin: Origin
  private let thread: Int
  private let threads: Int
  private let endSeconds: Double
  private var index: UInt64 = 0

  /// Names of the requests, by their number; the last is `events`.
  let names: [String]
  let kinds: [AnswerKind]

  init(_ plan: LoadPlan, thread: Int) {
    composer = RequestComposer(plan.workload, host: plan.target.host, seed: plan.seed)
    self.thread = thread
    threads = plan.threads
    endSeconds = plan.durationSeconds
    if let trace = plan.trace {
      origin = .trace(trace, speed: plan.traceSpeed)
      names = trace.names + ["events"]
      kinds = trace.kinds + [.events(count: 0)]
    } else {
      origin = .workload(
        ArrivalClock(
          plan.arrivals, ratePerSecond: plan.ratePerSecond, phases: plan.workload.phases,
          startSeconds: -plan.warmUpSeconds, seed: plan.seed))
      names = composer.templates.map(\.name) + ["events"]
      kinds = composer.templates.map(AnswerKind.init) + [.events(count: 0)]
    }
  }

  /// The place of the click model's posts in `names` and `kinds`.
  var eventsPlace: Int { names.count - 1 }

  /// The next request of this thread in the open loop; nil at the end.
  mutating func next() -> Arrival? {
    while let arrival = nextOfAll() {
      if threads == 1 || Int(arrival.index % UInt64(threads)) == thread { return arrival }
    }
    return nil
  }

  /// The next request of this thread in a closed loop.
  mutating func nextClosed(seconds: Double) -> Arrival {
    defer { index += 1 }
    return Arrival(index: index * UInt64(threads) + UInt64(thread), seconds: seconds)
  }

  private mutating func nextOfAll() -> Arrival? {
    switch origin {
    case .workload(var clock):
      guard let seconds = clock.next(), seconds < endSeconds else { return nil }
      origin = .workload(clock)
      defer { index += 1 }
      return Arrival(index: index, seconds: seconds)
    case .trace(let trace, let speed):
      guard index < trace.records.count else { return nil }
      let seconds = trace.records[Int(index)].seconds / speed
      guard seconds < endSeconds else { return nil }
      defer { index += 1 }
      return Arrival(index: index, seconds: seconds)
    }
  }

  func compose(_ arrival: Arrival, into out: inout ByteBuffer) -> RequestComposer.Composed {
    switch origin {
    case .workload: composer.compose(index: arrival.index, seconds: arrival.seconds, into: &out)
    case .trace(let trace, _): trace.compose(Int(arrival.index), composer, into: &out)
    }
  }
}
