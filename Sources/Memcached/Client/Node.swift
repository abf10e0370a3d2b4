internal import Reactor

/// One server of the pool, for as long as the client lives: its connection or the wait for the next one, its counters,
/// and the delivery of its answers.
final class Node {
  let address: NodeAddress
  private let index: Int
  private let loop: EventLoop
  private let settings: MemcachedSettings
  private unowned let receiver: any MemcachedReceiver
  private(set) var metrics = NodeMetrics()
  private(set) var state = NodeState.connecting
  private var connection: NodeConnection?
  private var breaker: Breaker
  /// Ends an attempt that takes too long, or the wait for the next.
  private var timer: Timer!
  private var wasUp = false
  private var question: Question?
  private var jitter: Jitter

  init(
    _ address: NodeAddress, index: Int, on loop: EventLoop, _ settings: MemcachedSettings, seed: UInt64,
    _ receiver: any MemcachedReceiver
  ) {
    self.address = address
    self.index = index
    self.loop = loop
    self.settings = settings
    self.receiver = receiver
    jitter = Jitter(seed: seed)
    breaker = Breaker(limits: settings.breaker)
    timer = Timer(loop: loop) { [unowned self] in timeUp() }
  }

  var status: NodeStatus {
    NodeStatus(
      address: address, state: state, breaker: breaker.state, breakerOpenedCount: breaker.openedCount,
      pending: pendingCount, metrics: metrics)
  }
  var pendingCount: Int { connection?.pendingCount ?? 0 }

  // MARK: Requests

  /// Runs one request on the connection; a refusal is counted and is all that happens.
  func submit(
    _ kind: PendingRequest.Kind, _ body: (NodeConnection) throws(MemcachedFailure) -> Void
  ) -> Bool {
    do throws(MemcachedFailure) {
      guard let connection else { throw .down }
      try body(connection)
      metrics.add(kind)
      return true
    } catch {
      metrics.add(error)
      return false
    }
  }

  func flush() {
    guard let connection, connection.hasOutput, connection.isReady else { return }
    metrics.bytesSent += UInt64(connection.flush())
  }

  // MARK: Answers

  func deliver(_ answer: MetaConnection.Answer, value: RawSpan) {
    metrics.add(answer.status, won: answer.flags.has(.won))
    if !answer.status.isFailure {
      breaker.answered(now: answer.request.askedNanoseconds &+ answer.durationNanoseconds)
    }
    guard let ticket = answer.request.ticket else { return }
    receiver.memcachedAnswered(ticket, CacheReply(answer, value: value, node: index))
  }

  /// `seen` is the previous look at the clock; between it and now the loop has read what had come, so a request that
  /// was overdue then has no answer. A single look would blame the server for a turn that we made long ourselves:
  /// timers run before the poll (libuv's loop order).
  func checkOverdue(seen: UInt64) {
    guard let connection, connection.isOverdue(now: seen) else { return }
    lose(.timeout, "no answer within \(settings.timeoutMilliseconds) ms", overdueAt: seen)
  }

  // MARK: The life of a connection

  /// Finds the address first. That may take as long as the system's resolver allows; the node is `.connecting`
  /// meanwhile, and no second question is asked.
  func connect() {
    change(to: .connecting)
    let question = Question(self)
    self.question = question
    resolve(address, on: loop) { result in
      guard let node = question.node else { return }
      node.question = nil
      question.node = nil
      guard node.state == .connecting else { return }
      switch result {
      case .success(let address): node.open(address)
      case .failure(let error): node.retryLater("\(error)")
      }
    }
  }

  /// A question to the resolver that the node may not live to hear the answer of. Not a weak reference, which would
  /// double the price of every other one.
  private final class Question {
    var node: Node?
    init(_ node: Node) { self.node = node }
  }

  private func forgetQuestion() {
    question?.node = nil
    question = nil
  }

  private func open(_ address: SocketAddress) {
    timer.start(milliseconds: settings.connectTimeoutMilliseconds)
    let connection = NodeConnection(self, to: address, on: loop, settings)
    self.connection = connection
    connection.start()
  }

  func connected(sent bytes: Int) { metrics.bytesSent += UInt64(bytes) }

  func noteReceived(_ bytes: Int) { metrics.bytesReceived += UInt64(bytes) }

  func becameReady() {
    guard let connection else { return }
    timer.stop()
    breaker.greeted(now: loop.nowNanoseconds)
    if wasUp { metrics.reconnects += 1 }
    wasUp = true
    change(to: .up(version: connection.version))
  }

  /// Closes the connection and fails what it had not answered: the oldest request with `failure`, as do those that were
  /// overdue themselves; the others were lost with it.
  func lose(_ failure: MemcachedFailure, _ reason: String, overdueAt seen: UInt64 = 0) {
    guard let connection else { return }
    self.connection = nil
    connection.detach()
    let lost = connection.removeAllPending()
    func isOverdue(_ request: PendingRequest) -> Bool {
      request.askedNanoseconds &+ settings.timeoutNanoseconds <= seen
    }
    retryLater(reason, timeouts: lost.count(where: isOverdue))
    // From here on requests to this node are refused, also those made by the receivers of these failures.
    let now = loop.nowNanoseconds
    for (place, request) in lost.enumerated() {
      let why: MemcachedFailure = isOverdue(request) ? .timeout : place == 0 ? failure : .connectionLost
      let answer = MetaConnection.Answer(
        request: request, status: .failed(why),
        durationNanoseconds: now > request.askedNanoseconds ? now - request.askedNanoseconds : 0)
      deliver(answer, value: RawSpan())
    }
  }

  private func retryLater(_ reason: String, timeouts: Int = 0) {
    guard state != .closed else { return }
    if case .connecting = state { metrics.connectFailures += 1 }
    let delay = breaker.failed(timeouts: timeouts, now: loop.nowNanoseconds, chance: jitter.next())
    timer.start(milliseconds: delay)
    change(to: .down(reason: reason, retryMilliseconds: delay))
  }

  private func timeUp() {
    switch state {
    case .down:
      breaker.attempts()
      connect()
    case .connecting: lose(.timeout, "no greeting within \(settings.connectTimeoutMilliseconds) ms")
    case .up, .closed: break
    }
  }

  /// Ends for good. What is pending fails first.
  func close() {
    guard state != .closed else { return }
    timer.stop()
    forgetQuestion()
    change(to: .closed)
    lose(.connectionLost, "")
  }

  /// Ends without a word to the receiver, which may be gone.
  func abandon() {
    timer.stop()
    forgetQuestion()
    connection?.detach()
    connection = nil
    state = .closed
  }

  private func change(to next: NodeState) {
    state = next
    // Attempts are no news: a node that stays away would fill the log.
    if next != .connecting { receiver.memcachedChanged(node: index, to: next) }
  }
}
