internal import Bytes
internal import Glibc
internal import Synchronization

// Receiving: answers, ends and failures of connections.
extension GeneratorThread {
  func connect(_ connection: ClientConnection) {
    tally.connects += 1
    if let reason = connection.connect(to: plan.target, poller) { couldNotConnect(connection, reason) }
  }

  /// A client that finds nobody there has failed: the longest waiting request is charged with it.
  private func couldNotConnect(_ connection: ClientConnection, _ reason: Int32) {
    control.connectFailure.store(reason, ordering: .relaxed)
    tally.connectFailures += 1
    connection.drop()
    connection.backOff(now: now, &random)
    if let request = waiting.popFirst() { tally.noteFailure(request, .connect, now: now, wasSent: false) }
  }

  func handle(_ connection: ClientConnection, canRead: Bool, canWrite: Bool) {
    if connection.state == .connecting {
      if let reason = connection.connected(poller) { return couldNotConnect(connection, reason) }
      list(connection)
      return refill()
    }
    // An event of a socket that has been dropped since the wait.
    guard connection.isOpen else { return }
    if canWrite && !connection.unsent.isEmpty && !connection.sendRest(poller) { return ended(connection, .reset) }
    if canRead { read(connection) }
  }

  private func read(_ connection: ClientConnection) {
    let count = recv(connection.socket, scratch.baseAddress!, scratch.count, 0)
    guard count > 0 else {
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      return ended(connection, .reset)
    }
    let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
    if connection.inbox.isEmpty {
      let used = take(bytes, connection)
      if connection.isOpen { connection.inbox.append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[used...])) }
    } else {
      connection.inbox.append(unsafe: bytes)
      // Lent out of the connection, so that it may be dropped meanwhile.
      var inbox = ByteBuffer(capacity: 16)
      swap(&inbox, &connection.inbox)
      let used = inbox.withBytes { $0.withUnsafeBytes { take($0, connection) } }
      if connection.isOpen {
        inbox.removeFirst(used)
        swap(&inbox, &connection.inbox)
      }
    }
    refill()
  }

  /// Takes all whole answers, and returns how many bytes they were.
  private func take(_ bytes: UnsafeRawBufferPointer, _ connection: ClientConnection) -> Int {
    var used = 0
    while used < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
      let answer: ResponseParser.Answer?
      do { answer = try connection.parser.next(rest) } catch {
        ended(connection, .malformed)
        return used
      }
      guard let answer else { break }
      // An answer that nobody asked for.
      guard let request = connection.inFlight.popFirst() else {
        ended(connection, .malformed)
        return used
      }
      inFlight -= 1
      connection.hasAnswered = true
      complete(request, answer, rest, connection)
      used += answer.consumed
      if answer.closes {
        ended(connection, .reset)
        return used
      }
      list(connection)
    }
    return used
  }

  private func complete(
    _ request: PendingRequest, _ answer: ResponseParser.Answer, _ bytes: UnsafeRawBufferPointer,
    _ connection: ClientConnection
  ) {
    // Before the body is looked at: that is the generator's time, not the server's.
    let now = self.now
    let kind = source.kinds[request.template]
    let error = error(of: request, kind, answer, bytes, connection)
    tally.noteAnswer(
      request, answer, now: now, isRecommendation: kind.isRecommendation, error: error, goodWithin: goodWithin)
    guard error == nil else { return }
    if let post = request.post, request.planned >= 0 {
      tally.impressions += UInt64(post.impressions)
      tally.clicks += UInt64(post.clicks)
    }
    guard case .list = kind else { return }
    react(to: request)
    if let keys { note(request, answer, in: keys) }
  }

  /// Composed once more: requests are pure in their number, and nobody need keep their bytes until they are answered.
  private func note(_ request: PendingRequest, _ answer: ResponseParser.Answer, in keys: TraceWriter) {
    outbox.removeAll()
    let arrival = RequestSource.Arrival(index: request.index, seconds: Double(request.planned) / 1e9)
    _ = source.compose(arrival, into: &outbox)
    outbox.withBytes { keys.writeKey($0, planned: request.planned, bodyBytes: answer.body.count) }
  }

  private func error(
    of request: PendingRequest, _ kind: AnswerKind, _ answer: ResponseParser.Answer, _ bytes: UnsafeRawBufferPointer,
    _ connection: ClientConnection
  ) -> ErrorKind? {
    guard (200..<300).contains(answer.status) else { return .status }
    guard plan.verifiesBodies, kind != .raw else { return nil }
    do {
      if answer.isChunked {
        let content = ChunkedBody.content(UnsafeRawBufferPointer(rebasing: bytes[answer.body]))
        // Not by withUnsafeBytes: a closure with a typed throw in it ends the compiler (6.3.1).
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: content)
        try verify(UnsafeRawBufferPointer(copy), request, kind, connection)
      } else {
        try verify(UnsafeRawBufferPointer(rebasing: bytes[answer.body]), request, kind, connection)
      }
      return nil
    } catch {
      if tally.faults.count < 5 && request.planned >= 0 {
        tally.faults.append("\(source.names[request.template]), request \(request.index): \(error)")
      }
      return .wrongBody
    }
  }

  private func verify(
    _ body: UnsafeRawBufferPointer, _ request: PendingRequest, _ kind: AnswerKind, _ connection: ClientConnection
  ) throws(AnswerCheck.Fault) {
    switch kind {
    case .raw: return
    case .events(let count):
      return try check.checkEvents(body, count: request.post.map { $0.impressions + $0.clicks } ?? count)
    case .list(let placement, let results):
      let expected = AnswerCheck.Expectation(placement: placement, results: results, item: request.item)
      try check.checkList(body, expected, lastIdentity: connection.lastIdentity)
    case .batch(let lists):
      let expected = lists.map { AnswerCheck.Expectation(placement: $0.placement, results: $0.results) }
      try check.checkBatch(body, expected, lastIdentity: connection.lastIdentity)
    }
    connection.lastIdentity = check.identity
    if request.planned >= 0 { tally.models[check.modelVersion, default: 0] += 1 }
  }

  /// A connection is over; what was in flight on it has failed, and it is made anew.
  func ended(_ connection: ClientConnection, _ error: ErrorKind) {
    let hadBytes = !connection.inbox.isEmpty
    connection.drop()
    let now = self.now
    var isFirst = true
    var again: [PendingRequest] = []
    while var request = connection.inFlight.popFirst() {
      inFlight -= 1
      // After garbage or a timeout only the first is to blame; those behind it were never answered.
      let own = isFirst ? error : .reset
      let mayRetry =
        plan.retriesLostGets && own == .reset && !request.isRetry && request.post == nil && !(isFirst && hadBytes)
      isFirst = false
      if mayRetry {
        request.isRetry = true
        again.append(request)
        tally.retries += 1
      } else {
        tally.noteFailure(request, own, now: now, wasSent: true)
      }
    }
    for request in again.reversed() { waiting.prepend(request) }
    guard !isOver else { return }
    // A server that accepts and hangs up must not be asked in a tight loop.
    if connection.hasAnswered { connect(connection) } else { connection.backOff(now: now, &random) }
  }

  func timedOut(_ connection: ClientConnection, _ now: Int64) { ended(connection, .timeout) }
}
