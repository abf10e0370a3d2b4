import Bytes
import HTTP
import Model
import Publishing
import Reactor

// From the decision to bytes in the outbox.
extension Worker {
  /// Composes what an exchange decided to answer with, from the list at hand if that is the source.
  /// `list` is lent and may lie in the first cache, which nothing here changes.
  func compose(_ answer: Exchange.Answer, for connection: Connection, list: RawSpan) {
    guard let visit = connection.visit else { return }
    let policy = placements[visit.placement].policy
    claimOutbox(for: connection)
    let start = outbox.count
    var answer = answer
    gatherSkipped(visit, connection)

    composer.begin(200, connection.persistence, into: &outbox)
    outbox.append(field: "Content-Type", "application/json")
    appendCORS(connection)
    let age = self.age(of: list, answer)
    appendCaching(answer, policy, age: age, isPersonal: visit.user != nil)
    outbox.append("ETag: W/\"" as StaticString)
    let tag = outbox.count
    outbox.append("0000000000000000\"\r\n" as StaticString)
    let length = outbox.reserveContentLength()
    outbox.endHead()

    let body = outbox.count
    let id = composeBody(&answer, visit, connection, policy, list: list)
    let hash = xxh3(outbox.bytes.extracting(body...))
    key.removeAll()
    key.append(hex: hash)
    outbox.replace(at: tag, with: key.bytes)
    outbox.patch(contentLength: outbox.count - body, at: length)
    RecommendationID.replace(
      at: id, version: visit.served?.identity.version ?? 0, placement: placements[visit.placement].code,
      random: (random.next(), UInt16(truncatingIfNeeded: random.next())), in: &outbox)

    var status = 200
    if connection.method != .post && outbox.withBytes(tag - 3..<tag + 17, connection.matches) {
      status = 304
      composeNotModified(from: start, tag: tag, connection, answer, policy, age: age)
    } else if connection.method == .head {
      outbox.truncate(to: body)
    }
    finish(connection, visit, answer, status: status)
  }

  private func finish(_ connection: Connection, _ visit: Visit, _ answer: Exchange.Answer, status: Int) {
    let now = loop.nowNanoseconds
    metrics.answered(
      placement: visit.placement, tier: answer.tier, status: status,
      nanoseconds: now > visit.startedNanoseconds ? now - visit.startedNanoseconds : 0)
    if let fallback = answer.fallback { metrics.fellBack(placement: visit.placement, fallback) }
    connection.answered(closes: connection.persistence == .close)
  }

  /// What no list may answer with: what the request excludes and what the window shows.
  private func gatherSkipped(_ visit: Visit, _ connection: Connection) {
    skipped.removeAll()
    for hash in connection.request.excluded { skipped.insert(hash) }
    if let window = try? Window(connection.window.bytes) {
      for index in 0..<window.count { skipped.insert(xxh3(window.itemID(index))) }
    }
    fields.removeAll()
    for range in connection.request.fields { fields.insert(connection.request.bytes(range)) }
  }

  // MARK: Body.

  /// Appends the body; returns where the recommendation id goes.
  private func composeBody(
    _ answer: inout Exchange.Answer, _ visit: Visit, _ connection: Connection, _ policy: PlacementPolicy,
    list: RawSpan
  ) -> Int {
    outbox.append("{\"recommendationId\":\"" as StaticString)
    let id = outbox.count
    outbox.append("00000000000000000000000000\",\"placement\":\"" as StaticString)
    outbox.append(policy.name)
    outbox.append("\",\"items\":[" as StaticString)
    appendItems(&answer, visit, connection, list: list)
    outbox.append("],\"fallback\":" as StaticString)
    if let fallback = answer.fallback {
      outbox.append("{\"reason\":\"" as StaticString)
      outbox.append(fallback.reason.name)
      outbox.append("\",\"source\":\"" as StaticString)
      outbox.append(fallback.source.name)
      outbox.append("\"}" as StaticString)
    } else {
      outbox.append("null" as StaticString)
    }
    outbox.append(",\"model\":" as StaticString)
    if let served = visit.served {
      outbox.append("{\"name\":\"" as StaticString)
      outbox.append(served.identity.name)
      outbox.append("\",\"version\":" as StaticString)
      outbox.append(decimal: served.identity.version)
      outbox.append("}" as StaticString)
    } else {
      outbox.append("null" as StaticString)
    }
    outbox.append("}" as StaticString)
    return id
  }

  /// The list's items, then trending ones for what it lacks: the segment's first, then everyone's.
  private func appendItems(
    _ answer: inout Exchange.Answer, _ visit: Visit, _ connection: Connection, list: RawSpan
  ) {
    guard let served = visit.served else { return }
    var written = 0
    if case .list = answer.source {
      let rendered = RenderedList(validated: list)
      written = served.model.withRules(seenBy: visit.userRow, filter: visit.allowed) { rules in
        rendered.slice(upTo: visit.count, skipping: skipped, rules: rules, fields: fields, into: &outbox)
      }
      if written < visit.count { skipped.insert(itemsOf: rendered) }
      // The item that others are to be like is in no list of its own, but may well be trending.
      if let item = visit.item { skipped.insert(served.model.itemHash(item)) }
    }
    for index in [visit.segment + 1, 0] where written < visit.count {
      let bytes = served.trending[index]
      let trending = RenderedList(validated: bytes.span.bytes)
      written += served.model.withRules(seenBy: visit.userRow, filter: visit.allowed) { rules in
        trending.slice(
          upTo: visit.count - written, skipping: skipped, rules: rules, fields: fields, continuing: written > 0,
          into: &outbox)
      }
      skipped.insert(itemsOf: trending)
    }
    guard written == 0, !visit.allowed.isEmpty else { return }
    answer.fallback = Fallback(reason: .filterEmpty, source: .trending, tier: .popular)
    guard !connection.request.strictFiltering else { return }
    // The request's filter may be given up; the operator's may not, nor what forbids single items.
    gatherSkipped(visit, connection)
    let bytes = served.trending[0]
    let trending = RenderedList(validated: bytes.span.bytes)
    _ = served.model.withRules(seenBy: visit.userRow, filter: placements[visit.placement].policy.filter) { rules in
      trending.slice(upTo: visit.count, skipping: skipped, rules: rules, fields: fields, into: &outbox)
    }
  }
}
