/// What one generator thread has counted.
struct Tally: Sendable {
  struct Outcome: Sendable {
    var count: UInt64 = 0
    var good: UInt64 = 0
    var response = HDRHistogram()
    var service = HDRHistogram()

    mutating func record(response: UInt64, service: UInt64?, isGood: Bool) {
      count += 1
      if isGood { good += 1 }
      self.response.record(nanoseconds: response)
      if let service { self.service.record(nanoseconds: service) }
    }

    mutating func add(_ other: Outcome) {
      count += other.count
      good += other.good
      response.add(other.response)
      service.add(other.service)
    }
  }

  struct Second: Sendable {
    var offered: UInt64 = 0
    var completed: UInt64 = 0
    var good: UInt64 = 0
    var errors: UInt64 = 0
    /// Two digits: there is one for each second of a run, 24 KB where a full one takes 170.
    var response = HDRHistogram(significantDigits: 2)

    mutating func add(_ other: Second) {
      offered += other.offered
      completed += other.completed
      good += other.good
      errors += other.errors
      response.add(other.response)
    }

    func sample(_ second: Int) -> SecondSample {
      let summary = response.summary()
      return SecondSample(
        second: second, offered: offered, completed: completed, good: good, errors: errors,
        p50Microseconds: summary.p50Microseconds, p99Microseconds: summary.p99Microseconds,
        maxMicroseconds: summary.maxMicroseconds)
    }
  }

  /// A request has started when it is sent: more than this after its plan is late.
  static let lateNanoseconds: Int64 = 1_000_000

  var all = Outcome()
  var lag = HDRHistogram()
  var tiers = [Outcome](repeating: Outcome(), count: Tier.allCases.count)
  var statuses: [Int: Outcome] = [:]
  var requests: [Outcome]
  var errors = [UInt64](repeating: 0, count: ErrorKind.allCases.count)
  var seconds: [Second]
  var offered: UInt64 = 0
  var started: UInt64 = 0
  var completed: UInt64 = 0
  var late: UInt64 = 0
  var connects: UInt64 = 0
  var connectFailures: UInt64 = 0
  var retries: UInt64 = 0
  var bytesReceived: UInt64 = 0
  var impressions: UInt64 = 0
  var clicks: UInt64 = 0
  var models: [Int64: UInt64] = [:]
  /// The first few wrong bodies, as sentences.
  var faults: [String] = []

  init(requests: Int, seconds: Int) {
    self.requests = [Outcome](repeating: Outcome(), count: requests)
    self.seconds = [Second](repeating: Second(), count: max(1, seconds))
  }

  private func second(_ planned: Int64) -> Int { min(Int(planned / 1_000_000_000), seconds.count - 1) }

  mutating func noteOffered(_ planned: Int64) {
    guard planned >= 0 else { return }
    offered += 1
    seconds[second(planned)].offered += 1
  }

  mutating func noteStarted(_ request: PendingRequest) {
    guard request.planned >= 0, !request.isRetry else { return }
    started += 1
    if request.sent - request.planned > Tally.lateNanoseconds { late += 1 }
  }

  /// An answer has come. `error` is `status` or `wrongBody`.
  mutating func noteAnswer(
    _ request: PendingRequest, _ answer: ResponseParser.Answer, now: Int64, isRecommendation: Bool, error: ErrorKind?,
    goodWithin: UInt64
  ) {
    guard request.planned >= 0 else { return }
    let response = UInt64(max(0, now - request.planned))
    let service = UInt64(max(0, now - request.sent))
    let isGood = error == nil && response <= goodWithin
    completed += 1
    bytesReceived += UInt64(answer.consumed)
    all.record(response: response, service: service, isGood: isGood)
    requests[request.template].record(response: response, service: service, isGood: isGood)
    statuses[answer.status, default: Outcome()].record(response: response, service: service, isGood: isGood)
    if isRecommendation {
      tiers[Int(answer.tier.rawValue)].record(response: response, service: service, isGood: isGood)
    }
    let second = second(request.planned)
    seconds[second].completed += 1
    if isGood { seconds[second].good += 1 }
    seconds[second].response.record(nanoseconds: response)
    if let error { note(error, second) }
  }

  /// A request has failed without an answer. Waits in vain are durations, too: without them the worst would be missing.
  mutating func noteFailure(_ request: PendingRequest, _ error: ErrorKind, now: Int64, wasSent: Bool) {
    guard request.planned >= 0 else { return }
    let second = second(request.planned)
    if error == .timeout || error == .dropped {
      let response = UInt64(max(0, now - request.planned))
      let service = wasSent ? UInt64(max(0, now - request.sent)) : nil
      all.record(response: response, service: service, isGood: false)
      if wasSent { requests[request.template].record(response: response, service: service, isGood: false) }
      seconds[second].response.record(nanoseconds: response)
    }
    note(error, second)
  }

  private mutating func note(_ error: ErrorKind, _ second: Int) {
    errors[ErrorKind.allCases.firstIndex(of: error)!] += 1
    seconds[second].errors += 1
  }

  func count(of error: ErrorKind) -> UInt64 { errors[ErrorKind.allCases.firstIndex(of: error)!] }

  /// Adds what another thread of the same run has counted.
  mutating func add(_ other: Tally) {
    all.add(other.all)
    lag.add(other.lag)
    for place in tiers.indices { tiers[place].add(other.tiers[place]) }
    for (status, outcome) in other.statuses { statuses[status, default: Outcome()].add(outcome) }
    for place in requests.indices { requests[place].add(other.requests[place]) }
    for place in errors.indices { errors[place] += other.errors[place] }
    for place in seconds.indices { seconds[place].add(other.seconds[place]) }
    offered += other.offered
    started += other.started
    completed += other.completed
    late += other.late
    connects += other.connects
    connectFailures += other.connectFailures
    retries += other.retries
    bytesReceived += other.bytesReceived
    impressions += other.impressions
    clicks += other.clicks
    for (version, count) in other.models { models[version, default: 0] += count }
    faults += other.faults
  }
}
