internal import Bytes
internal import Glibc

// Sending: which connection takes a request, and what its bytes are.
extension GeneratorThread {
  /// A request's time has come: it goes out, or waits for a connection, and its latency counts either way.
  func admit(_ request: PendingRequest) {
    tally.noteOffered(request.planned)
    if waiting.isEmpty, let connection = takeAvailable() {
      send(request, on: connection)
    } else {
      waiting.append(request)
    }
  }

  /// Requests that wait go out as long as connections are free; in a closed loop each free connection asks again.
  func refill() {
    guard isLoading else { return }
    while !waiting.isEmpty, let connection = takeAvailable() { send(waiting.popFirst()!, on: connection) }
    guard isClosedLoop else { return }
    let now = self.now
    guard now < end else { return }
    while let connection = takeAvailable() {
      let arrival = source.nextClosed(seconds: Double(now) / 1e9)
      let request = PendingRequest(index: arrival.index, planned: self.now)
      tally.noteOffered(request.planned)
      send(request, on: connection)
    }
  }

  /// An open connection with the fewest requests in flight, the longest idle of them.
  private func takeAvailable() -> ClientConnection? {
    for depth in available.indices {
      while let place = available[depth].popFirst() {
        let connection = connections[place]
        connection.listed &= ~(1 << UInt64(depth))
        if connection.isOpen && connection.inFlight.count == depth { return connection }
      }
    }
    return nil
  }

  /// A connection may take a request, or another one.
  func list(_ connection: ClientConnection) {
    let depth = connection.inFlight.count
    guard connection.isOpen, depth < available.count, connection.listed & (1 << UInt64(depth)) == 0 else { return }
    connection.listed |= 1 << UInt64(depth)
    available[depth].append(connection.place)
  }

  private func send(_ request: PendingRequest, on connection: ClientConnection) {
    var request = request
    outbox.removeAll()
    compose(&request)
    request.sent = now
    tally.noteStarted(request)
    connection.inFlight.append(request)
    inFlight += 1
    let isSent = outbox.withBytes { bytes in bytes.withUnsafeBytes { connection.send($0, poller) } }
    guard isSent else { return ended(connection, .reset) }
    list(connection)
  }

  private func compose(_ request: inout PendingRequest) {
    if let post = request.post {
      post.body.withBytes { source.composer.composePost("/v1/events", $0, into: &outbox) }
      request.template = source.eventsPlace
    } else {
      let arrival = RequestSource.Arrival(index: request.index, seconds: Double(request.planned) / 1e9)
      let composed = source.compose(arrival, into: &outbox)
      request.template = composed.template
      request.user = composed.user
      request.item = composed.item
    }
    guard let trace, !request.isRetry else { return }
    let name = source.names[request.template]
    outbox.withBytes { trace.write($0, planned: request.planned, name: name) }
  }

  /// What somebody does with the list that has just come.
  func react(to request: PendingRequest) {
    guard let clicks, let user = request.user else { return }
    var body = ByteBuffer(capacity: 1024)
    guard
      let made = clicks.events(
        check.items, recommendationID: check.recommendationID, index: request.index,
        userID: source.composer.userID(user, seconds: Double(request.planned) / 1e9), into: &body)
    else { return }
    let bytes = body.withBytes { $0.withUnsafeBytes { Array($0) } }
    posts.append(
      (
        due: now + Int64(clicks.delaySeconds * 1e9), index: request.index,
        post: EventPost(body: bytes, impressions: made.impressions, clicks: made.clicks)
      ))
  }
}
