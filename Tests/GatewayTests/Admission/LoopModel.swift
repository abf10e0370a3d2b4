import Glibc
import TestSupport

@testable import Gateway

/// A worker's loop as a model: requests come in at planned times, a turn reads what has come, answers what it can, then
/// works off the queue as `Admission` says. Time is counted, never waited for.
///
/// What a real loop costs is in it: the kernel's queue (a request waits for the turn that reads it), the price of
/// reading and answering a request, of an empty poll, and of a refusal.
struct LoopModel {
  struct Costs {
    /// Reading and answering a request, whoever answers it; a refusal costs less.
    var requestNanoseconds: UInt64 = 8_000
    var refusalNanoseconds: UInt64 = 4_000
    var pollNanoseconds: UInt64 = 3_000
    /// Mean of a computation; its spread is lognormal with σ 0.5, as of searches that visit more or fewer lists.
    var computeNanoseconds: UInt64 = 200_000
    /// The share of requests that the first cache answers.
    var hitShare = 0.0
    /// The thread loses its core so often, for `stallNanoseconds`: other processes want it too.
    var stallEveryNanoseconds: UInt64?
    var stallNanoseconds: UInt64 = 12_000_000
    /// Keys of misses; every miss has a key of its own when nil.
    var keys: Int?
  }

  struct Phase {
    let seconds: Double
    /// Requests a second, in Poisson arrivals.
    let rate: Double
  }

  /// What became of one phase's requests.
  struct Report: CustomStringConvertible {
    var offered = 0
    var hits = 0
    var computed = 0
    var popular = 0
    var refused = 0
    /// Not answered by its deadline and a turn.
    var late = 0
    var computedInTime = 0
    var latencies: [UInt64] = []
    var hitLatencies: [UInt64] = []
    var levelChanges = 0
    var highest = PressureLevel.calm

    var answeredInTime: Int { offered - refused - late }

    func percentile(_ share: Double, of values: [UInt64]) -> Double {
      let sorted = values.sorted()
      return sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1e6
    }

    var description: String {
      "\(offered) offered: \(hits) hits, \(computed) computed (\(computedInTime) in time), \(popular) popular, "
        + "\(refused) refused, \(late) late; p50 \(percentile(0.5, of: latencies)) ms p99 \(percentile(0.99, of: latencies)) ms;"
        + " \(levelChanges) level changes, highest \(highest)"
    }
  }

  private struct Request {
    let number: Int
    let arrivedNanoseconds: UInt64
    let phase: Int
    let key: UInt64
  }

  static let connectionsMax = 10_000
  static let deadlineNanoseconds: UInt64 = 50_000_000

  var admission: Admission<Int>
  var costs: Costs
  private var random: SeededRandom
  private(set) var now: UInt64 = 1_000_000_000
  private var requests: [Request] = []
  private(set) var reports: [Report] = []
  /// Keys cached, by the time at which their lists are past fresh.
  private var cached: [UInt64: UInt64] = [:]
  /// Level changes over time.
  private(set) var levels: [(at: UInt64, level: PressureLevel)] = []

  init(_ settings: AdmissionSettings = AdmissionSettings(), costs: Costs = Costs(), seed: UInt64) {
    admission = Admission(settings)
    self.costs = costs
    random = SeededRandom(seed: seed)
  }

  /// Computations a second that the core could do beside reading and answering their requests: the knee.
  var knee: Double { 1e9 / Double(costs.computeNanoseconds + costs.requestNanoseconds) }

  mutating func run(_ phases: [Phase]) -> [Report] {
    plan(phases)
    reports = phases.map { _ in Report() }
    for request in requests { reports[request.phase].offered += 1 }
    var read = 0
    var stalled = now
    while read < requests.count || !admission.isIdle {
      if let every = costs.stallEveryNanoseconds, now > stalled + every {
        now += costs.stallNanoseconds
        stalled = now
      }
      if admission.isIdle && requests[read].arrivedNanoseconds > now { now = requests[read].arrivedNanoseconds }
      let start = now
      now += costs.pollNanoseconds
      // What has come by the time of the poll, of at most as many connections as there may be.
      let polled = now
      var events = 0
      while read < requests.count && requests[read].arrivedNanoseconds <= polled && events < Self.connectionsMax {
        take(requests[read])
        read += 1
        events += 1
      }
      let edge = now - start
      drain()
      note(edge)
    }
    // The ticks of an idle worker.
    for _ in 0..<60 {
      now += 250_000_000
      note(1000)
    }
    return reports
  }

  private mutating func plan(_ phases: [Phase]) {
    var at = Double(now)
    for (index, phase) in phases.enumerated() {
      let end = at + phase.seconds * 1e9
      while true {
        at += -log(Double.random(in: .leastNonzeroMagnitude...1, using: &random)) / phase.rate * 1e9
        guard at < end else { break }
        let key = costs.keys.map { UInt64(zipf($0)) } ?? UInt64(requests.count) + 1_000_000
        requests.append(
          Request(number: requests.count, arrivedNanoseconds: UInt64(at), phase: index, key: key))
      }
      at = end
    }
  }

  /// Ranks with probability about ÷ rank.
  private mutating func zipf(_ count: Int) -> Int {
    Int(pow(Double(count), Double.random(in: 0..<1, using: &random)))
  }

  private mutating func take(_ request: Request) {
    now += costs.requestNanoseconds
    if let until = cached[request.key], until > now || admission.level.servesLongStale {
      return answer(request, isHit: true)
    }
    if Double.random(in: 0..<1, using: &random) < costs.hitShare { return answer(request, isHit: true) }
    let deadline = request.arrivedNanoseconds + Self.deadlineNanoseconds
    let hash = request.key &* 0x9E37_79B9_7F4A_7C15
    switch admission.admit(request.number, keyHash: hash, deadlineNanoseconds: deadline, now: now) {
    case .queued: break
    case .queuedInsteadOf(let other): shed(requests[other], .queueFull)
    case .shed(let reason): shed(request, reason)
    }
  }

  private mutating func drain() {
    admission.beginDrain(now: now)
    while true {
      switch admission.next(now: now, isWantedByMany: { _ in false }) {
      case .rest, .refresh: return
      case .shed(let number, let reason): shed(requests[number], reason)
      case .compute(let number):
        let request = requests[number]
        let deadline = request.arrivedNanoseconds + Self.deadlineNanoseconds
        guard admission.canStart(deadlineNanoseconds: deadline, now: now) else {
          shed(request, .late)
          continue
        }
        let start = now
        now += UInt64(Double(costs.computeNanoseconds) * exp(0.5 * Double(random.gaussian()) - 0.125))
        admission.computed(from: start, to: now)
        if costs.keys != nil { cached[request.key] = now + 1_000_000_000 }
        answer(request, isComputed: true)
      }
    }
  }

  private mutating func shed(_ request: Request, _ reason: ShedReason) {
    if reason == .refused {
      // It was counted as a whole answer when it was read.
      now -= min(now, costs.requestNanoseconds - costs.refusalNanoseconds)
      reports[request.phase].refused += 1
      return
    }
    now += costs.requestNanoseconds / 4
    reports[request.phase].popular += 1
    time(request)
  }

  private mutating func answer(_ request: Request, isHit: Bool = false, isComputed: Bool = false) {
    if isHit {
      reports[request.phase].hits += 1
      reports[request.phase].hitLatencies.append(now - request.arrivedNanoseconds)
    }
    if isComputed {
      reports[request.phase].computed += 1
      if now <= request.arrivedNanoseconds + Self.deadlineNanoseconds { reports[request.phase].computedInTime += 1 }
    }
    time(request)
  }

  /// A deadline is kept if its answer is out within the turn that meets it.
  private mutating func time(_ request: Request) {
    let latency = now - request.arrivedNanoseconds
    reports[request.phase].latencies.append(latency)
    if latency > Self.deadlineNanoseconds + 1_000_000 { reports[request.phase].late += 1 }
  }

  private mutating func note(_ edge: UInt64) {
    let changed = admission.turnEnded(edgeNanoseconds: edge, waiting: admission.waiting, bufferedBytes: 0, now: now)
    guard changed else { return }
    levels.append((now, admission.level))
    let phase = requests.last { $0.arrivedNanoseconds <= now }?.phase ?? 0
    reports[phase].levelChanges += 1
    reports[phase].highest = max(reports[phase].highest, admission.level)
  }
}
