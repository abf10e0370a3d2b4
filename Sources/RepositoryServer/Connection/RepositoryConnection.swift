internal import Bytes
internal import HTTP
internal import Reactor
internal import Snapshots

/// One connection: reads heads, takes bodies in, sends files by pieces. One request at a time; what a client sends
/// meanwhile waits, at last in its own kernel.
final class RepositoryConnection: StreamHandler {
  enum Activity {
    /// Between two requests, or in the middle of a head.
    case idle
    /// The body of a refused request is thrown away; then the answer goes.
    case discarding(ServerAnswer)
    /// A small body, in memory.
    case collecting(Collected)
    /// A blob, to the disk.
    case uploading(Upload, RepositoryResource)
    /// The disk's thread has it.
    case working
    case sending(RepositoryFile, next: Int, end: Int)
    /// The last answer has gone; what still comes is thrown away until the client closes.
    case lingering
    case over
  }

  /// What a body in memory is for.
  enum Collected {
    case resource(RepositoryResource)
    case control
  }

  /// In every answer: a publisher that sees it may name a blob of another version in the place of sending it, which any
  /// other web server would take for an empty blob.
  private static let identity: StaticString = "Needletail-Repository: 1\r\n"
  /// More than a head: what waits beyond it stays with the client.
  static let inboxBytesMax = 64 * 1024

  let number: Int
  let stream: ByteStream
  unowned let server: RepositoryServer
  private var parser = RequestParser()
  private var inbox = ByteBuffer(capacity: 2048)
  /// Bytes of the inbox that the parser has taken and that nobody needs any more.
  private var taken = 0
  private var body: [UInt8] = []
  private var request: ServerRequest?
  private var persistence = Persistence.implied
  private var owesContinue = false
  private var isAdvancing = false
  private var isPaused = false
  private var hasInputEnded = false
  var activity = Activity.idle
  /// Since when the present activity has lasted, or the head has been coming.
  var sinceNanoseconds: UInt64
  var hasHeadBegun: Bool { parser.isInsideRequest || inbox.count > taken }
  var pace: Pace?
  /// Content of the body under way, in either direction.
  var movedBytes = 0

  init(_ stream: consuming ByteStream, number: Int, server: RepositoryServer) {
    self.stream = stream
    self.number = number
    self.server = server
    sinceNanoseconds = server.loop.nowNanoseconds
  }

  func start() { stream.start(self) }

  // MARK: - The stream

  func received(_ bytes: RawSpan) {
    switch activity {
    case .lingering, .over: return
    default: break
    }
    if case .idle = activity, !hasHeadBegun { sinceNanoseconds = server.loop.nowNanoseconds }
    inbox.append(bytes)
    advance()
    if inbox.count > RepositoryConnection.inboxBytesMax, !isPaused {
      isPaused = true
      stream.pauseReading()
    }
  }

  func inputEnded() -> AfterInput {
    hasInputEnded = true
    switch activity {
    case .working, .sending: return .keepWriting
    default: return stream.queuedBytes > 0 ? .keepWriting : .close
    }
  }

  func drained() {
    switch activity {
    case .sending: sendPieces()
    case .idle: goOn()
    default: if hasInputEnded { stream.finishWriting() }
    }
  }

  /// Takes up what has been waiting in the inbox, and at last in the client's kernel.
  private func goOn() {
    advance()
    guard takesInput else { return }
    if hasInputEnded, case .idle = activity { return stream.finishWriting() }
    guard isPaused, inbox.count <= RepositoryConnection.inboxBytesMax else { return }
    isPaused = false
    stream.resumeReading()
  }

  func ended(_ end: StreamEnd) {
    activity = .over
    server.ended(self)
  }

  // MARK: - Requests

  /// Works off the inbox as far as it goes. Not from inside itself, or a pipeline would be as deep as it is long.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer {
      isAdvancing = false
      inbox.removeFirst(taken)
      taken = 0
    }
    while takesInput {
      do throws(HTTPError) {
        let step = try inbox.withBytes(taken..<inbox.count) { (bytes) throws(HTTPError) in try parser.step(bytes) }
        switch step {
        case .needMore: return sendContinue()
        case .head(let count): begin(headBytes: count)
        case .body(let range, let consumed):
          take(taken + range.lowerBound..<taken + range.upperBound)
          taken += consumed
        case .end(let consumed):
          taken += consumed
          finishRequest()
        }
      } catch {
        refuse(ServerAnswer.problem(error.status, error.reason.description))
      }
    }
  }

  private var takesInput: Bool {
    switch activity {
    // Who asks without reading is not asked on until it has read: its answers would pile up here.
    case .idle: stream.queuedBytes <= server.limits.pieceBytes
    case .discarding, .collecting, .uploading: true
    case .working, .sending, .lingering, .over: false
    }
  }

  private func begin(headBytes: Int) {
    let request = inbox.withBytes(taken..<taken + headBytes) { ServerRequest(parser.head, in: $0) }
    taken += headBytes
    self.request = request
    persistence = parser.head.persistence
    owesContinue = request.expectsContinue
    body = []
    movedBytes = 0
    sinceNanoseconds = server.loop.nowNanoseconds
    pace = Pace(server.limits, now: sinceNanoseconds)
    switch server.plan(request) {
    case .answer(let answer): begin(refusedBy: answer, request)
    case .collect(let what, let bytesMax):
      parser.bodyBytesMax = bytesMax
      activity = .collecting(what)
    case .upload(let upload, let resource):
      parser.bodyBytesMax = server.limits.blobBytesMax
      activity = .uploading(upload, resource)
    case .read(let reading): activity = .discarding(ServerAnswer(status: 200)); pending = reading
    }
  }

  /// What is sent once the request has come to its end.
  private var pending: ServerReading?

  /// Answers when the body is over, if it is worth waiting for that; else at once, and closes.
  private func begin(refusedBy answer: ServerAnswer, _ request: ServerRequest) {
    let isShort = request.contentLength.map { $0 <= server.limits.discardedBytesMax } ?? true
    guard !request.hasBody || (isShort && !request.expectsContinue) else { return refuse(answer) }
    parser.bodyBytesMax = server.limits.discardedBytesMax
    activity = .discarding(answer)
  }

  private func sendContinue() {
    guard owesContinue else { return }
    owesContinue = false
    var out = ByteBuffer(capacity: 32)
    ResponseComposer.writeContinue(into: &out)
    stream.write(out.bytes)
  }

  private func take(_ range: Range<Int>) {
    owesContinue = false
    movedBytes += range.count
    server.counts.receivedBytes += UInt64(range.count)
    switch activity {
    case .collecting: inbox.withBytes(range) { bytes in bytes.withUnsafeBytes { body.append(contentsOf: $0) } }
    case .uploading(let upload, _):
      do throws(DiskError) {
        try inbox.withBytes(range) { (bytes) throws(DiskError) in try upload.append(bytes) }
      } catch {
        server.logFailure(error)
        refuse(ServerAnswer(Refusal(error)))
      }
    default: break
    }
  }

  private func finishRequest() {
    pace = nil
    switch activity {
    case .discarding(let answer):
      if let reading = pending {
        pending = nil
        send(reading)
      } else {
        self.answer(answer)
      }
    case .collecting(let what):
      activity = .working
      server.collected(body, for: what, request!, from: self)
    case .uploading(let upload, let resource):
      activity = .working
      server.uploaded(upload, resource, from: self)
    default: break
    }
  }

  // MARK: - Answers

  /// Sends the answer to the request at hand and goes on to the next.
  func answer(_ answer: ServerAnswer) {
    write(answer, persistence)
    next()
  }

  /// Sends an answer before the request is over, after which nothing of this connection can be understood any more.
  private func refuse(_ answer: ServerAnswer) {
    write(answer, .close)
    linger()
  }

  private func write(_ answer: ServerAnswer, _ persistence: Persistence) {
    let method = request?.method ?? .get
    server.counts.answers[answer.status, default: 0] += 1
    var out = ByteBuffer(capacity: answer.body.count + 512)
    func fields(_ out: inout ByteBuffer) {
      out.append(RepositoryConnection.identity)
      for (name, value) in answer.fields { out.append(field: name, value) }
    }
    if let problem = answer.problem {
      server.composer.write(problem, persistence, to: method, into: &out, fields: fields)
    } else {
      let body = answer.body
      server.composer.write(
        answer.status, persistence, to: method, contentType: answer.contentType, body: body.span.bytes, into: &out,
        fields: fields)
    }
    stream.write(out.bytes)
  }

  private func send(_ reading: ServerReading) {
    server.counts.answers[reading.status, default: 0] += 1
    var out = ByteBuffer(capacity: 512)
    server.composer.begin(reading.status, persistence, into: &out)
    out.append(RepositoryConnection.identity)
    for (name, value) in reading.fields { out.append(field: name, value) }
    out.append(field: "Content-Length", decimal: reading.range.count)
    out.endHead()
    stream.write(out.bytes)
    guard request!.method != .head else { return next() }
    movedBytes = 0
    pace = Pace(server.limits, now: server.loop.nowNanoseconds)
    reading.file.willRead(reading.range)
    activity = .sending(reading.file, next: reading.range.lowerBound, end: reading.range.upperBound)
    sendPieces()
  }

  /// Sends until the kernel takes no more, or others have to have their turn. At most one piece waits here.
  func sendPieces() {
    guard case .sending(let file, var place, let end) = activity else { return }
    var pieces = 0
    while place < end {
      guard stream.isOpen, stream.queuedBytes == 0 else { break }
      guard pieces < server.limits.piecesPerTurn else {
        server.comeBack(to: self)
        break
      }
      let count = min(server.limits.pieceBytes, end - place)
      // The length is promised: a file that is cut off under us leaves only this way to say so.
      guard server.withPiece(file, at: place, count: count, { stream.write($0) }) else { return stream.close() }
      place += count
      pieces += 1
      movedBytes += count
      server.counts.sentBytes += UInt64(count)
    }
    activity = .sending(file, next: place, end: end)
    if place == end { next() }
  }

  private func next() {
    pace = nil
    request = nil
    sinceNanoseconds = server.loop.nowNanoseconds
    guard persistence != .close else { return linger() }
    activity = .idle
    // From inside `advance` the loop there goes on by itself.
    if !isAdvancing { goOn() }
  }

  private func linger() {
    activity = .lingering
    pace = nil
    inbox.removeAll()
    taken = 0
    sinceNanoseconds = server.loop.nowNanoseconds
    if isPaused { stream.resumeReading() }
    stream.finishWriting()
  }
}
