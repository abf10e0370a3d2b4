import Bytes
import Configuration
import HTTP
import JSON
import Model

// From a complete request to the first decision about it.
extension Worker {
  /// Longest body that a route takes; a route without one refuses any with 413.
  func bodyBytesMax(_ route: Route) -> Int {
    switch route {
    case .recommendations: settings.http.bodyBytes
    case .batch: BatchRequest.bodyBytesMax(settings.http)
    case .events: settings.events.bodyBytes
    case .echo, .server, .unknown: settings.http.bodyBytes
    case .live, .ready, .description: 0
    }
  }

  func sendContinue(_ connection: Connection) {
    claimOutbox(for: connection)
    ResponseComposer.writeContinue(into: &outbox)
  }

  /// A request that cannot be read: the answer says why, and is the last.
  func refuse(_ error: HTTPError, on connection: Connection) {
    metrics.malformed += 1
    claimOutbox(for: connection)
    metrics.answered(placement: nil, status: error.status)
    composer.write(Problem(error), .close, to: .get, into: &outbox) { $0.append(Worker.noStore) }
  }

  /// Answers a complete request, or sets out to. The connection is told when its answer stands in the outbox.
  func handle(_ connection: Connection) {
    let route = connection.route
    if route == .unknown || route == .echo && !settings.echo {
      return answer(Problem(status: 404, detail: "There is nothing at this path."), on: connection)
    }
    guard route.allows(connection.method) else {
      return answer(Problem(status: 405, detail: "This resource does not answer this method."), on: connection) {
        $0.append(field: "Allow", route.allowedMethods)
      }
    }
    if connection.method == .options { return answerOptions(connection, route) }
    switch route {
    case .recommendations(let name): recommend(connection, placement: name)
    case .batch: recommendBatch(connection)
    case .events: takeEvents(connection)
    case .live: answerHealth(connection, problem: nil)
    case .ready: answerHealth(connection, problem: notReadyReason)
    case .description: describe(connection)
    case .echo: echo(connection)
    case .server, .unknown: break  // Answered above.
    }
  }

  /// Why this node should get no traffic yet; nil when it should.
  private var notReadyReason: String? {
    if isLeaving { return "This node is draining." }
    if shelves.allSatisfy({ $0.served == nil }) { return "No placement has a snapshot yet." }
    return nil
  }

  private func recommend(_ connection: Connection, placement name: Range<Int>) {
    guard let placement = connection.withHead({ _, bytes in placements.index(of: bytes.extracting(name)) }) else {
      return answer(
        Problem(
          status: 404, detail: "There is no placement of this name: \(placements.names.joined(separator: ", "))."),
        on: connection)
    }
    connection.request.removeAll()
    connection.window.removeAll()
    do throws(RequestProblem) {
      try readParameters(connection, shelves[placement].policy.listItems)
      try start(connection, shelves[placement])
    } catch {
      connection.visit.end()
      answer(Problem(error, inBody: connection.method == .post), on: connection, placement: placement)
    }
  }

  private func readParameters(_ connection: Connection, _ listItemsMax: Int) throws(RequestProblem) {
    try connection.withHead { (head, bytes) throws(RequestProblem) in
      guard let query = head.query else { return }
      try readQuery(bytes.extracting(query), into: &connection.request, listItemsMax)
    }
    if connection.method == .post && !connection.body.isEmpty {
      try connection.body.withBytes { (bytes) throws(RequestProblem) in
        try requestBody.read(bytes, into: &connection.request, listItemsMax: listItemsMax)
      }
    }
  }

  private func readQuery(
    _ query: RawSpan, into request: inout RecommendationRequest, _ listItemsMax: Int
  ) throws(RequestProblem) {
    var parameters = QueryParameters(query)
    while let parameter = parameters.next() {
      guard let name = Parameter(query.extracting(parameter.name)) else { continue }
      if parameters.isPlain(parameter) {
        try request.take(name, query.extracting(parameter.value), listItemsMax: listItemsMax)
      } else {
        key.removeAll()
        do { try parameters.decode(parameter, into: &key) } catch {
          throw .bad(name.rawValue, error.reason.description)
        }
        try key.withBytes { (value) throws(RequestProblem) in
          try request.take(name, value, listItemsMax: listItemsMax)
        }
      }
    }
  }

  /// Finds out who asks for what, and lets the exchange decide.
  func start(_ connection: Connection, _ shelf: Shelf) throws(RequestProblem) {
    let shelf = shelf.challenger == nil ? shelf : side(of: shelf, for: connection)
    let started = connection.startedNanoseconds
    let timeout = min(
      connection.request.timeoutMilliseconds.map { $0 * 1000 } ?? .max, shelf.placement.policy.deadlineMicroseconds)
    nextVisit += 1
    let visit = connection.visit
    visit.begin(
      id: nextVisit, shelf, startedNanoseconds: started, deadlineNanoseconds: started + UInt64(timeout) * 1000,
      count: connection.request.numResults ?? shelf.placement.numResults)
    var question = Exchange.Question(
      scope: shelf.placement.scope, hasModel: shelf.served != nil, wantsTrending: shelf.placement.isTrending)
    if let served = shelf.served {
      try visit.identify(
        connection.request, shelf, served, identityKey, placements.vocabulary, &question, now: unixSeconds)
    }
    visit.exchange = Exchange(question)
    perform(visit.exchange.begin(), for: connection)
  }

  /// Does what an exchange decided.
  func perform(_ action: Exchange.Action, for connection: Connection) {
    switch action {
    case .wait: break
    case .fetchWindow: fetchWindow(for: connection)
    case .find(let list): find(list, for: connection)
    case .answer(let answer): compose(answer, for: connection, list: RawSpan())
    }
  }
}

extension Problem {
  /// A mistake in a parameter, named where the client wrote it.
  init(_ problem: RequestProblem, inBody: Bool) {
    self.init(status: problem.status, detail: problem.detail)
    guard let parameter = problem.parameter else { return }
    let pointer = Parameter(rawValue: parameter)?.pointer ?? "/" + parameter
    faults = [Fault(inBody ? .pointer(pointer) : .parameter(parameter), problem.detail)]
  }
}
