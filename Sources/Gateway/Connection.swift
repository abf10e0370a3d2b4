import Bytes
import Configuration
import HTTP
import Reactor

/// One client's connection: bytes in, requests out one after the other, answers in their order.
///
/// Pipelined requests wait in the inbox while one is being answered, so answers cannot overtake each other and a client
/// that sends without reading is bounded by its inbox. Connections share no state but their worker's.
final class Connection: StreamHandler {
  /// Storage that a buffer keeps from one request to the next. One large body must not stay with a connection that
  /// then idles: 10,000 connections × 3 buffers × 8 KiB = 240 MiB at the very most.
  static let keptBytesMax = 8 * 1024
  /// Answers collected before they are sent: a pipeline of large ones must not gather in memory.
  static let outboxBytesMax = 128 * 1024

  /// What the buffers of a connection at rest are made with; only what goes beyond is held against the budget.
  static let inboxBytes = 2048
  static let bodyBytes = 256

  enum Phase: Equatable {
    case reading
    /// An answer is on its way; input waits.
    case answering
    /// The last answer is written. Input is read and dropped until the peer closes, else a reset could destroy the
    /// answer (RFC 9112 §9.6).
    case lingering
    case ended
  }

  /// Held, which makes a circle until the stream has ended: a constant can be borrowed at every step of every request
  /// without a reference being counted, which an unowned one cannot.
  let worker: Worker
  /// The worker's, for the same reason.
  private let loop: EventLoop
  let stream: ByteStream
  /// Where the worker keeps this connection.
  let slot: Int
  /// Counts this connection for the acceptor that handed it over; held until it ends.
  var handed: HandedConnection?

  private(set) var phase = Phase.reading
  private(set) var inbox = ByteBuffer(capacity: Connection.inboxBytes)
  /// Bytes of the inbox that belong to requests already answered.
  private(set) var start = 0
  /// Bytes after `start` that the parser has taken: of the head, then of the body.
  private(set) var headBytes = 0
  private(set) var parsed = 0
  private var parser: RequestParser
  private(set) var body = ByteBuffer(capacity: Connection.bodyBytes)
  /// The window of the request's user, once it is known.
  var window = ByteBuffer(capacity: 64)
  private var inputEndedAlready = false
  /// The client waits for `100 Continue`, which is sent once.
  private var awaitsContinue = false
  private var isPaused = false
  /// The inbox is being worked off: answers are collected and sent when it is done.
  private var isAdvancing = false
  /// Answered out of turn, or many times in this one: the rest of the inbox is taken up later.
  private var goesOn = false

  /// What the request at hand is doing; closed for one that needs no waiting.
  let visit = Visit()
  /// Of the request's target, if an answer to it could be used again.
  var targetHash: UserHash?
  var request = RecommendationRequest()
  var eventBatch: EventBatch?
  /// The batch that is being answered.
  var batch: Batch?

  private(set) var route = Route.unknown
  /// When the request's first byte came, or when its turn in the pipeline did.
  private(set) var startedNanoseconds: UInt64 = 0
  /// When the head of the request at hand was complete, if a body follows.
  private(set) var bodySinceNanoseconds: UInt64 = 0
  /// When anything last happened, for the order of idleness and the end of lingering.
  private(set) var activeNanoseconds: UInt64
  /// Handed to the stream so far: what of it the client has not taken is the stream's to say.
  var flushedBytes: UInt64 = 0
  var debts = ClientDebts()

  init(_ stream: consuming ByteStream, worker: Worker, slot: Int) {
    self.stream = stream
    self.worker = worker
    loop = worker.loop
    self.slot = slot
    parser = RequestParser(limits: worker.httpLimits)
    activeNanoseconds = loop.turnNanoseconds
  }

  // MARK: The request at hand, valid until its answer is composed.

  var method: HTTPMethod { parser.head.method }
  /// What the answer says of the connection: a node that drains lets every one go with its next answer.
  var persistence: Persistence { worker.drainDeadlineNanoseconds == nil ? parser.head.persistence : .close }
  var query: Range<Int>? { parser.head.query }

  var origin: String? {
    guard let range = parser.head.value(of: .origin) else { return nil }
    return withHead { _, bytes in String(copying: bytes.extracting(range)) }
  }

  func matches(entityTag: RawSpan) -> Bool {
    withHead { head, bytes in head.matches(entityTag: entityTag, in: bytes) }
  }

  /// Lends the head and the bytes that its ranges lie in.
  func withHead<Result, Failure: Error>(
    _ body: (borrowing RequestHead, RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try inbox.withBytes(start..<start + headBytes) { (bytes) throws(Failure) in try body(parser.head, bytes) }
  }

  /// Whether the connection has nothing under way: it may be closed without a loss.
  var isIdle: Bool {
    phase == .reading && !parser.isInsideRequest && start == inbox.count && stream.queuedBytes == 0 && stream.isOpen
  }

  // MARK: Events of the stream.

  func received(_ bytes: RawSpan) {
    // Not while lingering: a client that sends on must not keep the connection.
    guard phase == .reading || phase == .answering else { return dropped(bytes.byteCount) }
    activeNanoseconds = loop.turnNanoseconds
    switch phase {
    case .lingering, .ended: break
    case .answering:
      inbox.append(bytes)
      settle()
    case .reading:
      if start == inbox.count {
        inbox.removeAll()
        start = 0
        startedNanoseconds = activeNanoseconds
      }
      inbox.append(bytes)
      advance()
    }
  }

  func drained() {
    activeNanoseconds = loop.turnNanoseconds
    debts.writeProgress.end()
    // Its time did not run while it was not read from.
    if isPaused { (startedNanoseconds, bodySinceNanoseconds) = (activeNanoseconds, activeNanoseconds) }
    if phase == .reading { advance() } else { settle() }
    resumeIfPossible()
    finishAfterInput()
  }

  func inputEnded() -> AfterInput {
    inputEndedAlready = true
    // Half-closed by a client that still waits for its answer.
    return phase == .answering || goesOn || stream.queuedBytes > 0 ? .keepWriting : .close
  }

  func ended(_ end: StreamEnd) {
    phase = .ended
    worker.abandonBatch(of: self)
    visit.end()
    eventBatch = nil
    worker.connectionEnded(self, debts.closeReason ?? CloseReason(end))
  }

  // MARK: Requests.

  /// Reads and answers whatever complete requests the inbox holds, then sends all their answers in one write.
  ///
  /// After some requests (`http.pipelinedMax`) others get their turn first, however many there are.
  private func advance() {
    isAdvancing = true
    defer { isAdvancing = false }
    var steps = worker.stepsMax
    while phase == .reading && stream.queuedBytes <= worker.settings.http.outputBytes {
      do throws(HTTPError) {
        guard try step() else { break }
      } catch {
        worker.refuse(error, on: self)
        linger(.malformed)
      }
      if worker.outbox.count > Connection.outboxBytesMax { worker.flush(self) }
      steps -= 1
      guard steps > 0 else {
        giveWay()
        break
      }
    }
    worker.flush(self)
    compact()
    if inbox.count > start || stream.queuedBytes > 0 || debts.heldBytes > 0 { settle() }
  }

  private func giveWay() {
    guard phase == .reading, inbox.count > start, !goesOn else { return }
    goesOn = true
    worker.goOnLater(self)
  }

  /// One thing from the inbox; false when it holds nothing more that is whole.
  private func step() throws(HTTPError) -> Bool {
    let step = try inbox.withBytes(start + parsed..<inbox.count) { (bytes) throws(HTTPError) in try parser.step(bytes) }
    switch step {
    case .needMore:
      if awaitsContinue && headBytes > 0 && parser.head.hasBody {
        awaitsContinue = false
        worker.sendContinue(self)
      }
      return false
    case .head(let bytes):
      headBytes = bytes
      parsed = bytes
      if parser.head.hasBody { prepareForBody() }
    case .body(let range, let consumed):
      let at = start + parsed
      inbox.withBytes(at + range.lowerBound..<at + range.upperBound) { body.append($0) }
      parsed += consumed
    case .end(let consumed):
      parsed += consumed
      phase = .answering
      if worker.answerAgain(self) { return answeredAgain() }
      route = withHead { head, bytes in Route(path: head.path, in: bytes) }
      worker.handle(self)
    }
    return true
  }

  private func prepareForBody() {
    body.removeAll()
    bodySinceNanoseconds = loop.turnNanoseconds
    awaitsContinue = parser.head.expectContinue
    route = withHead { head, bytes in Route(path: head.path, in: bytes) }
    parser.bodyBytesMax = worker.bodyBytesMax(route)
  }

  /// The request was answered without ado, and the connection goes on.
  private func answeredAgain() -> Bool {
    start += parsed
    parsed = 0
    headBytes = 0
    startedNanoseconds = loop.turnNanoseconds
    phase = .reading
    return true
  }

  /// The request's answer has been composed: on to the next one. `closes`: it said that it is the last.
  ///
  /// An answer that was waited for is sent at once, and what came in meanwhile is taken up at the end of the turn: it
  /// may begin new searches, which must not meet a list that is still lent.
  func answered(closes: Bool) {
    visit.end()
    eventBatch = nil
    start += parsed
    parsed = 0
    headBytes = 0
    // The next request may stand in the inbox in part: it began no earlier than its predecessor was answered.
    startedNanoseconds = loop.turnNanoseconds
    releaseStorage()
    if closes { linger(worker.drainDeadlineNanoseconds == nil ? .requested : .drain) } else { phase = .reading }
    guard !isAdvancing else { return }
    worker.flush(self)
    goesOn = true
    worker.resumed.append(self)
  }

  /// The turn in which an awaited answer was sent ends, or others have had theirs.
  func goOn() {
    goesOn = false
    guard phase == .reading else { return }
    advance()
    resumeIfPossible()
    finishAfterInput()
  }

  /// Nothing more will come and all that came whole is answered: the client, which closed one direction only, may have
  /// the end of its answers.
  private func finishAfterInput() {
    let isThrough = stream.queuedBytes <= worker.settings.http.outputBytes
    if inputEndedAlready && phase == .reading && isThrough && !goesOn { stream.finishWriting() }
  }

  /// Sends what there is, says that nothing more will come, and drops further input.
  func linger(_ reason: CloseReason) {
    debts.closeReason = debts.closeReason ?? reason
    phase = .lingering
    activeNanoseconds = loop.turnNanoseconds
    worker.flush(self)
    stream.finishWriting()
    settle()
    if inputEndedAlready { return }
    stream.resumeReading()
  }

  var queuedBytes: Int { stream.queuedBytes }

  // MARK: Flow.

  /// Drops what of the body has been taken out, so that it is held once, and what has been answered once that is the
  /// larger part, so that each byte is moved at most once on average.
  private func compact() {
    inbox.remove(start + headBytes..<start + parsed)
    parsed = headBytes
    guard start > 0, start >= inbox.count - start else { return }
    inbox.removeFirst(start)
    start = 0
  }

  /// Nothing of what came will be answered any more.
  func dropInput() {
    inbox.removeAll(keepingCapacity: Connection.inboxBytes)
    body.removeAll(keepingCapacity: Connection.bodyBytes)
    (start, parsed, headBytes) = (0, 0, 0)
  }

  private func releaseStorage() {
    body.removeAll(keepingCapacity: Connection.keptBytesMax)
    request.release(keepingCapacity: Connection.keptBytesMax)
    guard start == inbox.count else { return }
    inbox.removeAll(keepingCapacity: Connection.keptBytesMax)
    start = 0
  }

  /// Input beyond what a pipeline may hold while it waits, or output that nobody reads.
  private var isFull: Bool {
    let waits = phase == .answering || phase == .reading && goesOn
    return waits && inbox.count - start > worker.inboxBytesMax
      || phase != .lingering && stream.queuedBytes > worker.settings.http.outputBytes
  }

  /// Stops the reading until there is room.
  func pauseIfFull() {
    guard !isPaused, isFull else { return }
    isPaused = true
    stream.pauseReading()
  }

  private func resumeIfPossible() {
    guard isPaused, phase != .ended, !isFull else { return }
    isPaused = false
    stream.resumeReading()
  }
}
