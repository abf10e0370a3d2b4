import Reactor

/// One connection of a simulated client: questions out, answers in, each checked when it comes.
final class ClientConnection: StreamHandler {
  let stream: ByteStream
  private let client: SimulatedClient
  private var reader = AnswerReader()
  /// Asked and not answered, oldest first.
  private var open: [Question] = []
  private var lastAnswerNanoseconds: UInt64 = 0
  private var lastAnswered: Question?
  private var requestsLeft: UInt64
  /// Bytes that drip out one piece at a time.
  private var dripping: [UInt8] = []
  private var drip: Timer!
  private var pause: Timer!
  private var hasFinished = false
  /// The answers to come may be late through our own fault.
  private var isSlow = false
  /// Nothing more can be expected: we reset, or sent what must end the connection.
  private var isForfeit = false
  /// The gateway has said that it closes.
  private var isLast = false
  private var closesWhenAnswered = false

  init(_ client: SimulatedClient) {
    self.client = client
    stream = ByteStream.connect(loop: client.loop, to: client.gateway.address)
    requestsLeft = client.gateway.world.random.within(client.manners.requestsPerConnection)
    drip = Timer(loop: client.loop) { [unowned self] in dripOn() }
    pause = Timer(loop: client.loop) { [unowned self] in stream.resumeReading() }
  }

  private var gateway: GatewayWorld { client.gateway }
  private var world: SimulatedWorld { client.gateway.world }
  private var now: UInt64 { client.loop.nowNanoseconds }

  /// Answers that must still come.
  var owed: Int { isForfeit || client.mayLose ? 0 : open.filter(\.mustBeAnswered).count }

  func closeWhenAnswered() {
    closesWhenAnswered = true
    if open.isEmpty && dripping.isEmpty { stream.close() }
  }

  // MARK: Asking

  func askSome() {
    guard open.isEmpty, dripping.isEmpty, !hasFinished, stream.isOpen else { return }
    let manners = client.manners
    let count = min(1 + world.random.below(manners.pipelinedMax), requestsLeft)
    requestsLeft -= count
    var bytes: [UInt8] = []
    for _ in 0..<count {
      let question = gateway.script.question(for: client)
      bytes += question.bytes
      open.append(question)
      client.noteAsked()
    }
    if world.random.chance(perMille: manners.malformed) {
      let question = gateway.script.malformed(&world.random)
      bytes += question.bytes
      open.append(question)
      requestsLeft = 0
    } else if world.random.chance(perMille: manners.abandonHead) {
      // A head that never ends: the gateway answers 408 in its time, and closes.
      let question = Question.malformed("GET /v1/placements/home/recommendations HTTP/1.1\r\nHost: shop\r\nX-")
      bytes += question.bytes
      open.append(question)
      requestsLeft = 0
    }
    if gateway.script.confusesOrder && open.count > 1 { open.swapAt(0, 1) }
    for index in open.indices { open[index].begunNanoseconds = now }
    if world.random.chance(perMille: manners.stopReading) { stopReading() }
    send(bytes)
  }

  private func send(_ bytes: [UInt8]) {
    if world.random.chance(perMille: client.manners.drip) {
      dripping = bytes
      return dripOn()
    }
    let span = bytes.span.bytes
    stream.write(span)
    sent()
  }

  private func dripOn() {
    guard stream.isOpen else { return }
    let piece = Array(dripping.prefix(1 + Int(world.random.below(200))))
    dripping.removeFirst(piece.count)
    let span = piece.span.bytes
    stream.write(span)
    if dripping.isEmpty { return sent() }
    drip.start(milliseconds: Int(world.random.below(12)))
  }

  private func sent() {
    for index in open.indices { open[index].sentNanoseconds = now }
    if world.random.chance(perMille: client.manners.resetAfterSending) {
      isForfeit = true
      return stream.resetSimulated()
    }
    if requestsLeft == 0 && world.random.chance(perMille: client.manners.halfClose) {
      hasFinished = true
      stream.finishWriting()
    }
  }

  private func stopReading() {
    isSlow = true
    stream.pauseReading()
    pause.start(milliseconds: 1 + Int(world.random.below(400)))
  }

  // MARK: Hearing

  func received(_ bytes: RawSpan) {
    let more = bytes.withUnsafeBytes { Array($0) }
    reader.append(gateway.script.tamper(more))
    do {
      while let answer = try reader.next(toHead: open.first?.isHead ?? false) {
        if answer.status < 200 { continue }
        take(answer)
      }
    } catch {
      gateway.violated(
        "client \(client.number): not an answer: \(error.line)\n"
          + "    before: \(lastAnswered?.summary ?? "nothing"), asked: \(open.first?.summary ?? "nothing")")
      isForfeit = true
      stream.close()
    }
    guard open.isEmpty, dripping.isEmpty, stream.isOpen else { return }
    if closesWhenAnswered || requestsLeft == 0 { return stream.close() }
    client.batchIsOver()
  }

  private func take(_ answer: AnswerReader.Answer) {
    guard !open.isEmpty else {
      return gateway.violated("client \(client.number): an answer to nothing, \(answer.status)")
    }
    if isLast { gateway.violated("client \(client.number): an answer after the last one") }
    let question = open.removeFirst()
    lastAnswered = question
    client.noteAnswered()
    let present = now
    for fault in gateway.oracle.faults(answer, to: question, at: present) {
      gateway.violated(
        """
        client \(client.number): \(fault)
            asked: \(question.summary)
            answered: \(answer.status), \(answer["cache-status"] ?? "-"), \(String(decoding: answer.body.suffix(90), as: UTF8.self))
        """)
    }
    if case .recommendation = question.kind, answer.status == 503, !gateway.mayRefuse(at: present) {
      gateway.violated("client \(client.number): 503 below the level of refusals\n    asked: \(question.summary)")
    }
    checkTime(question, present)
    if answer["connection"]?.lowercased() == "close" { isLast = true }
    if case .recommendation(let ask) = question.kind, answer.status == 200, let tag = answer["etag"] {
      client.tags.append((ask, tag))
      if client.tags.count > 8 { client.tags.removeFirst() }
    }
    lastAnswerNanoseconds = present
  }

  /// By its deadline + ε, from when the whole request was there and its predecessor was answered.
  private func checkTime(_ question: Question, _ present: UInt64) {
    guard case .recommendation(let ask) = question.kind, !isSlow, !client.mayLose, question.sentNanoseconds > 0 else {
      return
    }
    let network = client.link.latencyNanoseconds.upperBound
    let begun = max(question.sentNanoseconds + network, lastAnswerNanoseconds)
    let allowed = UInt64(min(ask.timeoutMilliseconds ?? .max, gateway.script.deadlineMilliseconds)) * 1_000_000
    let latest = begun + allowed + gateway.epsilonNanoseconds + network
    guard present > latest else { return }
    gateway.violated(
      """
      client \(client.number): answered \((present - begun) / 1000) µs after the question, \
      \((present - latest) / 1000) µs later than deadline + ε
          asked: \(question.summary)
      """)
  }

  func inputEnded() -> AfterInput { .close }

  func ended(_ end: StreamEnd) {
    drip.stop()
    pause.stop()
    if !reader.isEmpty && !isForfeit && !client.mayLose {
      gateway.violated("client \(client.number): the connection ended inside an answer (\(end))")
    }
    let lost = owed
    // After "Connection: close", and when a node drains, what was not begun is the client's to ask again.
    if lost > 0 && !isLast && !gateway.isDraining && !gateway.script.mayShed {
      gateway.violated(
        "client \(client.number): the connection ended (\(end)) with \(lost) requests unanswered\n"
          + "    asked: \(open.first!.summary)")
    }
    open = []
    client.ended(self)
  }
}

extension Question {
  /// A head that was abandoned may find the connection closed for other reasons.
  var mustBeAnswered: Bool { if case .malformed = kind { false } else { true } }

  var summary: String { String(decoding: bytes.prefix { $0 != 13 }, as: UTF8.self) }
}
