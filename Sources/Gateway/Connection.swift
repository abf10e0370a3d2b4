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
  private var inbox = ByteBuffer(capacity: 2048)
  /// Bytes of the inbox that belong to requests already answered.
  private var start = 0
  /// Bytes after `start` that the parser has taken: of the head, then of the body.
  private var headBytes = 0
  private var parsed = 0
  private var parser: RequestParser
  private(set) var body = ByteBuffer(capacity: 256)
  /// The window of the request's user, once it is known.
  var window = ByteBuffer(capacity: 64)
  private var inputEndedAlready = false
  /// The client waits for `100 Continue`, which is sent once.
  private var awaitsContinue = false
  private var isPaused = false
  /// Of the output that waits, what the worker's sum has.
  private var countedBytes = 0
  /// The inbox is being worked off: answers are collected and sent when it is done.
  private var isAdvancing = false
  /// Answered out of turn; the rest of the inbox is taken up when the turn ends.
  private var goesOn = false

  /// What the request at hand is doing; closed for one that needs no waiting.
  let visit = Visit()
  /// Of the request's target, if an answer to it could be used again.
  var targetHash: UserHash?
  var request = RecommendationRequest()
  var eventBatch: EventBatch?

  private(set) var route = Route.unknown
  /// When the request's first byte came, or when its turn in the pipeline did.
  private(set) var startedNanoseconds: UInt64 = 0
  /// When anything last happened, for the idle and write deadlines.
  private(set) var activeNanoseconds: UInt64

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
  var isInsideRequest: Bool { phase == .reading && (parser.isInsideRequest || inbox.count > start) }

  // MARK: Events of the stream.

  func received(_ bytes: RawSpan) {
    // Not while lingering: a client that sends on must not keep the connection.
    guard phase == .reading || phase == .answering else { return }
    activeNanoseconds = loop.turnNanoseconds
    switch phase {
    case .lingering, .ended: break
    case .answering:
      inbox.append(bytes)
      pauseIfFull()
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
    countQueued()
    activeNanoseconds = loop.turnNanoseconds
    if phase == .reading { advance() }
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
    visit.end()
    eventBatch = nil
    worker.bufferedBytes -= countedBytes
    worker.connectionEnded(self)
  }

  // MARK: Requests.

  /// Reads and answers whatever complete requests the inbox holds, then sends all their answers in one write.
  private func advance() {
    isAdvancing = true
    defer { isAdvancing = false }
    while phase == .reading && stream.queuedBytes <= worker.settings.http.outputBytes {
      do throws(HTTPError) {
        guard try step() else { break }
      } catch {
        worker.refuse(error, on: self)
        linger()
      }
      if worker.outbox.count > Connection.outboxBytesMax { worker.flush(self) }
    }
    worker.flush(self)
    compact()
    pauseIfFull()
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
    if closes { linger() } else { phase = .reading }
    guard !isAdvancing else { return }
    worker.flush(self)
    goesOn = true
    worker.resumed.append(self)
  }

  /// The turn in which an awaited answer was sent ends.
  func goOn() {
    goesOn = false
    guard phase == .reading else { return }
    resumeIfPossible()
    advance()
    finishAfterInput()
  }

  /// Nothing more will come and all that came whole is answered: the client, which closed one direction only, may have
  /// the end of its answers.
  private func finishAfterInput() {
    let isThrough = stream.queuedBytes <= worker.settings.http.outputBytes
    if inputEndedAlready && phase == .reading && isThrough { stream.finishWriting() }
  }

  /// Sends what there is, says that nothing more will come, and drops further input.
  func linger() {
    phase = .lingering
    activeNanoseconds = loop.turnNanoseconds
    worker.flush(self)
    stream.finishWriting()
    if inputEndedAlready { return }
    stream.resumeReading()
  }

  func close() { stream.close() }

  var queuedBytes: Int { stream.queuedBytes }

  /// Keeps the worker's sum of what clients have not read.
  func countQueued() {
    let queued = stream.queuedBytes
    guard queued != countedBytes, phase != .ended else { return }
    worker.bufferedBytes += queued - countedBytes
    countedBytes = queued
  }

  /// The request did not arrive in time.
  func timeOut() {
    worker.refuse(body.isEmpty && headBytes == 0 ? .headTimeout : .bodyTimeout, on: self)
    linger()
  }

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

  private func releaseStorage() {
    body.removeAll(keepingCapacity: Connection.keptBytesMax)
    request.release(keepingCapacity: Connection.keptBytesMax)
    guard start == inbox.count else { return }
    inbox.removeAll(keepingCapacity: Connection.keptBytesMax)
    start = 0
  }

  /// Input beyond what a pipeline may hold, or output that nobody reads, stops the reading until there is room.
  private func pauseIfFull() {
    let full = inbox.count - start > worker.inboxBytesMax
    guard !isPaused, phase == .answering && full || stream.queuedBytes > worker.settings.http.outputBytes else {
      return
    }
    isPaused = true
    stream.pauseReading()
  }

  private func resumeIfPossible() {
    guard isPaused, phase != .ended, stream.queuedBytes <= worker.settings.http.outputBytes else { return }
    isPaused = false
    stream.resumeReading()
  }
}
