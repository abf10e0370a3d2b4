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
    if let batch = connection.batch { return take(answer, for: batch, on: connection, list: list) }
    let visit = connection.visit
    let shelf = visit.shelf!
    claimOutbox(for: connection)
    let start = outbox.count
    let decided = answer
    var answer = answer
    gatherSkipped(connection)

    composer.begin(200, connection.persistence, into: &outbox)
    outbox.append(field: "Content-Type", "application/json")
    let age = self.age(of: list, answer)
    appendFreshness(
      answer, freshSeconds: shelf.policy.freshSeconds, age: age, isPersonal: visit.user != nil,
      isCollapsed: visit.isCollapsed)
    let fixed = outbox.count
    appendFixedFields(answer, shelf.policy, connection)
    let times = tellsTimes ? appendTimes(visit.times) : nil
    outbox.append("ETag: W/\"" as StaticString)
    let tag = outbox.count
    outbox.append("0000000000000000\"\r\n" as StaticString)
    let length = outbox.reserveContentLength()
    outbox.endHead()

    let body = outbox.count
    let id = composeBody(&answer, connection, list: list)
    if answer != decided {
      // Nothing of the list may be shown, which is known only now: the head must not claim it.
      outbox.truncate(to: start)
      return compose(answer, for: connection, list: RawSpan())
    }
    outbox.replace(at: tag, hex: xxh3(outbox.bytes.extracting(body...)))
    outbox.patch(contentLength: outbox.count - body, at: length)
    RecommendationID.replace(
      at: id, version: shelf.served?.identity.version ?? 0, placement: shelf.placement.code,
      random: (random.next(), UInt16(truncatingIfNeeded: random.next())), in: &outbox)

    if let times { patch(totalNanoseconds: elapsedNanoseconds(visit), at: times) }
    var status = 200
    if connection.method != .post && outbox.withBytes(tag - 3..<tag + 17, connection.matches) {
      status = 304
      composeNotModified(from: start, tag: tag, connection, answer, age: age)
    } else if connection.method == .head {
      outbox.truncate(to: body)
    } else if answer.tier == .l1, visit.ground.isFirm {
      remember(answer, connection, fixed: fixed, id: id, createdAt: RenderedList(validated: list).createdAt)
    }
    finish(connection, answer, status: status)
  }

  private func finish(_ connection: Connection, _ answer: Exchange.Answer, status: Int) {
    count(answer, connection.visit, status: status)
    connection.answered(closes: connection.persistence == .close)
  }

  /// Counts an answer in its placement and tier.
  func count(_ answer: Exchange.Answer, _ visit: Visit, status: Int) {
    metrics.answered(
      placement: visit.shelf.index, tier: answer.tier, status: status, nanoseconds: elapsedNanoseconds(visit))
    if let fallback = answer.fallback { metrics.fellBack(placement: visit.shelf.index, fallback) }
  }

  /// From the request's first byte until now.
  func elapsedNanoseconds(_ visit: Visit) -> UInt64 {
    let now = loop.nowNanoseconds
    return now > visit.startedNanoseconds ? now - visit.startedNanoseconds : 0
  }

  /// What no list may answer with: what the request excludes, what the window shows, and what earlier answers of its
  /// batch do.
  func gatherSkipped(_ connection: Connection) {
    skipped.removeAll()
    if let batch = connection.batch { skipped.insert(batch.shown) }
    for hash in connection.request.excluded { skipped.insert(hash) }
    if let window = try? Window(connection.window.bytes) {
      for index in 0..<window.count { skipped.insert(xxh3(window.itemID(index))) }
    }
    fields.removeAll()
    for range in connection.request.fields { fields.insert(connection.request.bytes(range)) }
  }

  // MARK: Body.

  /// Appends the body; returns where the recommendation id goes.
  func composeBody(_ answer: inout Exchange.Answer, _ connection: Connection, list: RawSpan) -> Int {
    let shelf = connection.visit.shelf!
    outbox.append("{\"recommendationId\":\"" as StaticString)
    let id = outbox.count
    outbox.append("00000000000000000000000000" as StaticString)
    outbox.append(shelf.opening)
    appendItems(&answer, connection, list: list)
    guard let fallback = answer.fallback else {
      outbox.append("],\"fallback\":null" as StaticString)
      outbox.append(shelf.closing)
      return id
    }
    outbox.append("],\"fallback\":{\"reason\":\"" as StaticString)
    outbox.append(fallback.reason.name)
    outbox.append("\",\"source\":\"" as StaticString)
    outbox.append(fallback.source.name)
    outbox.append("\"}" as StaticString)
    outbox.append(shelf.closing)
    return id
  }

  /// The list's items, then trending ones for what it lacks: the segment's first, then everyone's, then what is popular
  /// under the placement's filter.
  private func appendItems(_ answer: inout Exchange.Answer, _ connection: Connection, list: RawSpan) {
    let visit = connection.visit
    guard let served = visit.shelf.served else { return }
    var written = 0
    if case .list = answer.source {
      written = cut(list, upTo: visit.count, under: visit.allowed, written: 0, connection)
      if written < visit.count { skipped.insert(itemsOf: RenderedList(validated: list)) }
      // The item that others are to be like is in no list of its own, but may well be trending.
      if let item = visit.item { skipped.insert(served.model.itemHash(item)) }
    }
    if written < visit.count { written += topUp(served.trending[visit.segment + 1], written, connection) }
    if written < visit.count { written += topUp(served.trending[0], written, connection) }
    let popular = served.popular[visit.shelf.index]
    if written < visit.count, let popular { written += topUp(popular, written, connection) }
    guard written == 0, !visit.allowed.isEmpty else { return }
    answer = Exchange.Answer(
      source: .trending, tier: .popular,
      fallback: Fallback(reason: .filterEmpty, source: .trending, tier: .popular))
    guard !connection.request.strictFiltering else { return }
    // The request's filter may be given up; the operator's may not, nor what forbids single items.
    gatherSkipped(connection)
    (popular ?? served.trending[0]).withBytes {
      _ = cut($0, upTo: visit.count, under: visit.shelf.policy.filter, written: 0, connection)
    }
  }

  /// Adds what is still lacking from a further list; returns how many items that were. No list after it gives the same.
  private func topUp(_ list: [UInt8], _ written: Int, _ connection: Connection) -> Int {
    let visit = connection.visit
    return list.withBytes { bytes in
      let added = cut(bytes, upTo: visit.count - written, under: visit.allowed, written: written, connection)
      skipped.insert(itemsOf: RenderedList(validated: bytes))
      return added
    }
  }

  /// Appends the items of a list that may be shown; returns how many.
  private func cut(
    _ list: RawSpan, upTo limit: Int, under filter: ItemFilter, written: Int, _ connection: Connection
  ) -> Int {
    let visit = connection.visit
    let rendered = RenderedList(validated: list)
    return visit.shelf.served!.model.withRules(seenBy: visit.userRow, filter: filter) { rules in
      connection.batch?.show(rendered, upTo: limit, skipping: skipped, rules: rules)
      return rendered.slice(
        upTo: limit, skipping: skipped, rules: rules, fields: fields, continuing: written > 0, into: &outbox)
    }
  }
}
