import Bytes
import Configuration
import HTTP
import Model

// The header lines of a recommendation, and the answers that have nothing but a head.
extension Worker {
  /// Seconds since the list was made; 0 for what is not kept anywhere.
  func age(of list: RawSpan, _ answer: Exchange.Answer) -> UInt32 {
    guard case .list = answer.source, answer.tier != .computed else { return 0 }
    let createdAt = RenderedList(validated: list).createdAt
    return unixSeconds > createdAt ? unixSeconds - createdAt : 0
  }

  /// The line that keeps an answer out of every store: RFC 9110 §15.1 lets caches keep 404, 405 and more by themselves.
  static let noStore: StaticString = "Cache-Control: no-store\r\n"

  /// The head's first part, which says what time it is: `Cache-Status` (RFC 9211) names the tier; `Age` and
  /// `Cache-Control` (RFC 9111, RFC 5861) are for the caches between here and the page. Ends in the middle of the last,
  /// which goes on with the fixed part.
  ///
  /// `private` is whatever names a user, also when a shared list answers it: what that user has seen is left out. What
  /// is not the answer that was asked for must not be kept in its place: because of what the request says, it has to be
  /// asked for anew each time (`no-cache`, and 304 is cheap); because of a trouble that will pass, it is not to be
  /// stored. What a request's own `Cache-Control` says changes nothing (RFC 9111 §5.2.1 leaves that to the cache): a
  /// reload must not make lists be computed.
  func appendFreshness(
    _ answer: Exchange.Answer, freshSeconds: UInt32, age: UInt32, isPersonal: Bool, isCollapsed: Bool = false
  ) {
    let remaining = Int(freshSeconds) - Int(age)
    appendCacheStatus(answer, remaining, isCollapsed: isCollapsed)
    outbox.append("Age: " as StaticString)
    outbox.append(decimal: age)
    guard let fallback = answer.fallback else {
      outbox.append(
        isPersonal ? "\r\nCache-Control: private, max-age=" : "\r\nCache-Control: public, max-age=" as StaticString)
      return outbox.append(decimal: max(0, remaining))
    }
    if fallback.reason.willPass { return outbox.append("\r\nCache-Control: no-store" as StaticString) }
    outbox.append(
      isPersonal ? "\r\nCache-Control: private, no-cache" : "\r\nCache-Control: public, no-cache" as StaticString)
  }

  /// `remaining`: seconds for which a hit is fresh, below 0 for one that is not any more.
  func appendCacheStatus(_ answer: Exchange.Answer, _ remaining: Int, isCollapsed: Bool) {
    switch answer.tier {
    case .l1: appendHit(remaining, "; detail=l1\r\n")
    case .l2: appendHit(remaining, "; detail=l2\r\n")
    case .stale: appendHit(remaining, "; detail=stale\r\n")
    case .computed where isCollapsed:
      outbox.append("Cache-Status: Needletail; fwd=uri-miss; collapsed; detail=computed\r\n" as StaticString)
    case .computed:
      outbox.append("Cache-Status: Needletail; fwd=uri-miss; stored; detail=computed\r\n" as StaticString)
    case .popular where answer.fallback == nil:
      outbox.append("Cache-Status: Needletail; hit; detail=popular\r\n" as StaticString)
    case .popular:
      outbox.append("Cache-Status: Needletail; fwd=bypass; detail=popular\r\n" as StaticString)
    }
  }

  private func appendHit(_ remaining: Int, _ detail: StaticString) {
    outbox.append("Cache-Status: Needletail; hit; ttl=" as StaticString)
    outbox.append(decimal: remaining)
    outbox.append(detail)
  }

  /// What does not depend on the time: the rest of `Cache-Control`, and who may read the answer.
  func appendFixedFields(_ answer: Exchange.Answer, _ shelf: Shelf, _ connection: Connection) {
    if answer.fallback == nil && shelf.staleSeconds > 0 {
      outbox.append(", stale-while-revalidate=" as StaticString)
      outbox.append(decimal: shelf.staleSeconds)
      outbox.append(", stale-if-error=" as StaticString)
      outbox.append(decimal: shelf.staleSeconds)
    }
    outbox.append("\r\n" as StaticString)
    appendCORS(connection)
  }

  /// The origin's permission to read the answer, if it has one. `Vary` whenever the answer would depend on it.
  func appendCORS(_ connection: Connection) { appendCORS(connection, to: &outbox) }

  func appendCORS(_ connection: Connection, to out: inout ByteBuffer) {
    crossOrigin.append(connection, tellsTimes: tellsTimes, to: &out)
  }

  /// Replaces the answer that begins at `start` by a 304 with the same tag (RFC 9110 §15.4.5).
  func composeNotModified(
    from start: Int, tag: Int, _ connection: Connection, _ answer: Exchange.Answer, _ shelf: Shelf, age: UInt32
  ) {
    let visit = connection.visit
    key.removeAll()
    key.append(outbox.bytes.extracting(tag..<tag + 16))
    outbox.truncate(to: start)
    composer.begin(304, connection.persistence, into: &outbox)
    appendFreshness(
      answer, freshSeconds: shelf.freshSeconds, age: age, isPersonal: visit.user != nil,
      isCollapsed: visit.isCollapsed)
    appendFixedFields(answer, shelf, connection)
    if tellsTimes {
      let times = appendTimes(visit.times)
      patch(totalNanoseconds: elapsedNanoseconds(visit), at: times)
    }
    outbox.append("ETag: W/\"" as StaticString)
    outbox.append(key.bytes)
    outbox.append("\"\r\n" as StaticString)
    outbox.endHead()
  }

  /// A preflight, or a question for the methods.
  func answerOptions(_ connection: Connection, _ route: Route) {
    claimOutbox(for: connection)
    composer.begin(204, connection.persistence, into: &outbox)
    outbox.append(field: "Allow", route.allowedMethods)
    appendCORS(connection)
    if let origin = connection.origin, crossOrigin.allows(origin) {
      outbox.append(field: "Access-Control-Allow-Methods", route.allowedMethods)
      outbox.append(
        "Access-Control-Allow-Headers: Content-Type, If-None-Match\r\nAccess-Control-Max-Age: 86400\r\n" as StaticString
      )
    }
    outbox.endHead()
    finish(connection, status: 204)
  }

  func answerHealth(_ connection: Connection, problem: String?) {
    if let problem { return answer(Problem(status: 503, detail: problem), on: connection) }
    claimOutbox(for: connection)
    composer.write(
      200, connection.persistence, to: connection.method, contentType: "application/json",
      body: "{\"status\":\"ok\"}".utf8.span.bytes, into: &outbox
    ) { out in
      out.append(Worker.noStore)
      appendCORS(connection, to: &out)
    }
    finish(connection, status: 200)
  }

  /// What the API is, for tools: the same for everybody, and to be kept for a while.
  func describe(_ connection: Connection) {
    let document = describedAPI ?? OpenAPIDocument(placements: placements.names, settings: settings)
    describedAPI = document
    let isKnown = document.entityTag.utf8.span.bytes.withUnsafeBytes { tag in
      connection.matches(entityTag: RawSpan(_unsafeBytes: tag))
    }
    claimOutbox(for: connection)
    composer.write(
      isKnown ? 304 : 200, connection.persistence, to: connection.method, contentType: "application/json",
      body: document.bytes.span.bytes, into: &outbox
    ) { out in
      out.append("Cache-Control: public, max-age=" as StaticString)
      out.append(decimal: OpenAPIDocument.freshSeconds)
      out.append("\r\n" as StaticString)
      out.append(field: "ETag", document.entityTag)
      appendCORS(connection, to: &out)
    }
    finish(connection, status: isKnown ? 304 : 200)
  }

  /// An error answer. The connection stays: the request was read without a mistake.
  func answer(
    _ problem: Problem, on connection: Connection, placement: Int? = nil,
    fields: (inout ByteBuffer) -> Void = { _ in }
  ) {
    claimOutbox(for: connection)
    composer.write(problem, connection.persistence, to: connection.method, into: &outbox) { out in
      out.append(Worker.noStore)
      appendCORS(connection, to: &out)
      fields(&out)
    }
    finish(connection, status: problem.status, placement: placement)
  }

  func finish(_ connection: Connection, status: Int, placement: Int? = nil) {
    metrics.answered(placement: placement, status: status)
    connection.answered(closes: connection.persistence == .close)
  }

  /// What was parsed, as JSON: for conformance suites that want to see the framing.
  func echo(_ connection: Connection) {
    list.removeAll()
    list.append("{\"method\":\"" as StaticString)
    list.append(connection.method.name)
    list.append("\",\"target\":\"" as StaticString)
    connection.withHead { head, bytes in
      list.append(jsonEscaped: bytes.extracting(head.target))
      list.append("\",\"fields\":[" as StaticString)
      for index in 0..<head.fieldCount {
        let (name, value) = head.field(index)
        list.append(index == 0 ? "[\"" : ",[\"" as StaticString)
        list.append(jsonEscaped: bytes.extracting(name))
        list.append("\",\"" as StaticString)
        list.append(jsonEscaped: bytes.extracting(value))
        list.append("\"]" as StaticString)
      }
    }
    list.append("],\"bodyBytes\":" as StaticString)
    list.append(decimal: connection.body.count)
    list.append("}" as StaticString)
    claimOutbox(for: connection)
    composer.write(
      200, connection.persistence, to: connection.method, contentType: "application/json", body: list.bytes,
      into: &outbox)
    finish(connection, status: 200)
  }
}
