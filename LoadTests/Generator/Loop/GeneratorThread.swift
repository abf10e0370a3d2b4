internal import Bytes
internal import Glibc
internal import Reactor
internal import Synchronization

/// One thread of the generator: plans, sends, receives, and counts. Everything here happens on that thread.
///
/// Times are nanoseconds since the measured part began.
final class GeneratorThread {
  /// How often requests are looked at that wait too long: with timeouts of 10 ms and more, a wait is at most a fifth too
  /// long. Above 1,000 connections it is 2 µs a connection, since each look passes over all of them.
  static let sweepNanoseconds: Int64 = 2_000_000
  /// Planned requests that are sent before answers are looked at again: 64 sends take some 0.3 ms.
  static let burstMax = 64
  /// What one read takes.
  static let scratchBytes = 64 * 1024

  let plan: LoadPlan
  let control: RunControl
  let thread: Int
  let poller: Poller
  let check = AnswerCheck()
  let clicks: ClickSimulation?
  let trace: TraceWriter?
  let keys: TraceWriter?
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: GeneratorThread.scratchBytes, alignment: 64)
  let timeout: Int64
  let goodWithin: UInt64

  var source: RequestSource
  var connections: [ClientConnection]
  /// Places of connections, by how many requests are in flight on them. Entries may be out of date.
  var available: [Queue<Int>]
  /// Requests that wait for a connection.
  var waiting = Queue<PendingRequest>(capacity: 1024)
  /// What the click model will post, in order of time: the delay is always the same.
  var posts = Queue<(due: Int64, index: UInt64, post: EventPost)>()
  var tally: Tally
  var outbox = ByteBuffer(capacity: 4096)
  var random: Random64
  var inFlight = 0
  var start: Int64 = 0
  var end: Int64
  /// Requests are sent from the warm-up on.
  private(set) var isLoading = false
  /// Everything has been sent and settled.
  private(set) var isOver = false
  private var nextSweep: Int64 = .min
  private var publishedSecond = 0
  private var spun: Int64 = 0
  private var cpuAtStart: Int64 = 0

  init(
    _ plan: LoadPlan, thread: Int, control: RunControl, clicks: ClickSimulation?, files: RecordFiles
  ) throws(LoadError) {
    self.plan = plan
    self.thread = thread
    self.control = control
    self.clicks = clicks
    trace = files.trace.map { TraceWriter($0) }
    keys = files.keys.map { TraceWriter($0) }
    poller = try Poller()
    source = RequestSource(plan, thread: thread)
    timeout = Int64(plan.timeoutMilliseconds) * 1_000_000
    goodWithin = UInt64(plan.goodWithin * 1_000)
    end = Int64(plan.durationSeconds * 1e9)
    let share = plan.connections / plan.threads + (thread < plan.connections % plan.threads ? 1 : 0)
    connections = (0..<share).map { ClientConnection(place: $0) }
    available = Array(repeating: Queue(capacity: share), count: plan.pipelineDepth)
    tally = Tally(requests: source.names.count, seconds: Int(plan.durationSeconds.rounded(.up)))
    random = Random64(seed: plan.seed, stream: .max - 1 - UInt64(thread))
    check.keepsItems = clicks != nil
  }

  deinit { scratch.deallocate() }

  var now: Int64 { MonotonicClock.nanoseconds - start }
  var isClosedLoop: Bool { plan.arrivals == .closed }

  /// The whole life of the thread.
  func run() {
    guard connectAll() else { return }
    load()
    control.reports.withLock {
      $0.append(
        ThreadReport(
          tally: tally, cpuNanoseconds: MonotonicClock.threadCPUNanoseconds - cpuAtStart - spun, wallNanoseconds: now))
    }
    trace?.flush()
    keys?.flush()
  }

  /// Connects, tells the coordinator, and waits for the start that it sets.
  private func connectAll() -> Bool {
    start = MonotonicClock.nanoseconds
    for connection in connections { connect(connection) }
    var told = 0
    while control.start.load(ordering: .acquiring) == 0 {
      if control.isAbandoned.load(ordering: .relaxed) { return false }
      handleEvents(poller.wait(nanoseconds: 1_000_000))
      reconnect(now)
      let open = connections.count(where: \.isOpen)
      if open != told { control.connected.wrappingAdd(open - told, ordering: .relaxed) }
      told = open
    }
    start = control.start.load(ordering: .acquiring)
    // Times of before mean nothing on the new clock.
    for connection in connections where !connection.isOpen && connection.state != .connecting { connection.retryNow() }
    return true
  }

  private func load() {
    var next = isClosedLoop ? nil : source.next()
    var isMeasured = false
    if isClosedLoop { sleepUntil(Int64(-plan.warmUpSeconds * 1e9)) }
    isLoading = true
    refill()
    while true {
      var now = self.now
      if !isMeasured && now >= 0 {
        isMeasured = true
        cpuAtStart = MonotonicClock.threadCPUNanoseconds
        spun = 0
      }
      end = min(end, control.end.load(ordering: .relaxed))
      admitDue(&next, &now)
      postDue(now)
      if now >= nextSweep {
        sweep(now)
        nextSweep = now + max(GeneratorThread.sweepNanoseconds, Int64(connections.count) * 2_000)
      }
      publish(now)
      if now >= end && ((inFlight == 0 && waiting.isEmpty) || now >= end + timeout) { break }
      wait(until: next.map { Int64($0.seconds * 1e9) }, now)
    }
    isOver = true
    sweep(.max)
    publish(.max)
  }

  /// Sends, or queues, what is planned up to now.
  private func admitDue(_ next: inout RequestSource.Arrival?, _ now: inout Int64) {
    var burst = 0
    while let arrival = next, burst < GeneratorThread.burstMax {
      let planned = Int64(arrival.seconds * 1e9)
      guard planned <= now else { return }
      guard planned < end else {
        next = nil
        return
      }
      if planned >= 0 { tally.lag.record(nanoseconds: UInt64(now - planned)) }
      admit(PendingRequest(index: arrival.index, planned: planned))
      next = source.next()
      burst += 1
      now = self.now
    }
  }

  private func postDue(_ now: Int64) {
    while let first = posts.first, first.due <= now {
      _ = posts.popFirst()
      guard first.due < end else { continue }
      var request = PendingRequest(index: first.index, planned: first.due)
      request.post = first.post
      admit(request)
    }
  }

  /// Until the next planned start, or whatever else is due.
  private func wait(until planned: Int64?, _ now: Int64) {
    var wake = nextSweep
    if let planned { wake = min(wake, planned) }
    if let due = posts.first?.due { wake = min(wake, due) }
    let spin = Int64(plan.spinMicroseconds * 1_000)
    let left = max(0, wake - now)
    let count = poller.wait(nanoseconds: left <= spin ? 0 : left - spin)
    // Waiting awake is no work: it would be slept away if sleeping were exact.
    if count == 0 && spin > 0 && left > 0 && left <= spin { spun += self.now - now }
    handleEvents(count)
  }

  private func sleepUntil(_ time: Int64) {
    while now < time { handleEvents(poller.wait(nanoseconds: min(time - now, 1_000_000))) }
  }

  private func handleEvents(_ count: Int) {
    for place in 0..<count {
      let event = poller.event(place)
      handle(connections[event.token], canRead: event.canRead, canWrite: event.canWrite)
    }
  }

  /// Requests that have waited long enough fail; connections that have waited long enough are tried again.
  private func sweep(_ now: Int64) {
    let isLast = now == .max
    let time = isLast ? self.now : now
    while let first = waiting.first, isLast || first.planned + timeout <= now {
      _ = waiting.popFirst()
      let isDown = !connections.contains(where: \.isOpen)
      tally.noteFailure(first, isDown ? .connect : .dropped, now: time, wasSent: false)
    }
    for connection in connections {
      guard let oldest = connection.inFlight.first, isLast || oldest.planned + timeout <= now else { continue }
      timedOut(connection, time)
    }
    if !isLast { reconnect(time) }
  }

  private func reconnect(_ now: Int64) {
    for connection in connections {
      if case .waiting(let until) = connection.state, until <= now { connect(connection) }
    }
  }

  /// Hands over each second when the next has begun.
  private func publish(_ now: Int64) {
    while publishedSecond < tally.seconds.count,
      now == .max || now >= Int64(publishedSecond + 1) * 1_000_000_000
    {
      let second = publishedSecond
      let values = tally.seconds[second]
      control.progress.withLock { $0[second, default: [:]][thread] = values }
      publishedSecond += 1
    }
  }
}
