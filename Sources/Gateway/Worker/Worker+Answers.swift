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
    if connection.batch != nil { return take(answer, forBatchOn: connection, list: list) }
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
      answer, freshSeconds: shelf.freshSeconds, age: age, isPersonal: visit.user != nil,
      isCollapsed: visit.isCollapsed)
    let fixed = outbox.count
    appendFixedFields(answer, shelf, connection)
    let times = tellsTimes ? appendTimes(visit.times) : nil
    outbox.append("ETag: W/\"" as StaticString)
    let tag = outbox.count
    outbox.append("0000000000000000\"\r\n" as StaticString)
    let length = outbox.reserveContentLength()
    outbox.endHead()

    let body = outbox.count
    let id = composeBody(&answer, shelf, connection, list: list)
    if answer != decided {
      // Nothing of the list may be shown, which is known only now: the head must not claim it.
      outbox.truncate(to: start)
      return compose(answer, for: connection, list: RawSpan())
    }
    outbox.replace(at: tag, hex: xxh3(outbox.bytes.extracting(body...)))
    outbox.patch(contentLength: outbox.count - body, at: length)
    RecommendationID.replace(
      at: id, version: shelf.served?.identity.version ?? 0, placement: shelf.placement.code, arm: shelf.arm,
      random: (random.next(), UInt16(truncatingIfNeeded: random.next())), in: &outbox)

    if let times { patch(totalNanoseconds: elapsedNanoseconds(visit), at: times) }
    var status = 200
    if connection.method != .post && outbox.withBytes(tag - 3..<tag + 17, connection.matches) {
      status = 304
      composeNotModified(from: start, tag: tag, connection, answer, shelf, age: age)
    } else if connection.method == .head {
      outbox.truncate(to: body)
    } else if answer.tier == .l1, visit.ground.isFirm {
      remember(answer, shelf, connection, fixed: fixed, id: id, createdAt: RenderedList(validated: list).createdAt)
    }
    finish(connection, shelf, answer, status: status)
  }

  private func finish(_ connection: Connection, _ shelf: Shelf, _ answer: Exchange.Answer, status: Int) {
    count(answer, shelf, connection.visit, status: status)
    connection.answered(closes: connection.persistence == .close)
  }

  /// Counts an answer in its placement and tier.
  func count(_ answer: Exchange.Answer, _ shelf: Shelf, _ visit: Visit, status: Int) {
    let nanoseconds = elapsedNanoseconds(visit)
    metrics.answered(
      placement: shelf.index, tier: answer.tier, status: status, nanoseconds: nanoseconds)
    metrics.versions.answered(row: shelf.row, nanoseconds: nanoseconds, isFallback: answer.fallback != nil)
    if let fallback = answer.fallback { metrics.fellBack(placement: shelf.index, fallback) }
  }

  /// From the request's first byte until now.
  func elapsedNanoseconds(_ visit: Visit) -> UInt64 {
    let now = loop.nowNanoseconds
    return now > visit.startedNanoseconds ? now - visit.startedNanoseconds : 0
  }

  /// What no list may answer with, beside what is unavailable: what the request excludes, what the window shows, and what earlier answers of its
  /// batch do.
  func gatherSkipped(_ connection: Connection) {
    skipped.removeAll()
    if connection.batch != nil { skipped.insert(connection.batch!.shown) }
    for hash in connection.request.excluded { skipped.insert(hash) }
    if let window = try? Window(connection.window.bytes) {
      for index in 0..<window.count { skipped.insert(xxh3(window.itemID(index))) }
    }
    fields.removeAll()
    for range in connection.request.fields { fields.insert(connection.request.bytes(range)) }
  }

  // MARK: Body.

  /// Appends the body; returns where the recommendation id goes.
  func composeBody(
    _ answer: inout Exchange.Answer, _ shelf: Shelf, _ connection: Connection, list: RawSpan
  ) -> Int {
    outbox.append("{\"recommendationId\":\"" as StaticString)
    let id = outbox.count
    outbox.append("00000000000000000000000000" as StaticString)
    shelf.opening.withBytes { outbox.append($0) }
    if let served = shelf.served { appendItems(&answer, shelf, served, connection, list: list) }
    guard let fallback = answer.fallback else {
      outbox.append("],\"fallback\":null" as StaticString)
      shelf.closing.withBytes { outbox.append($0) }
      return id
    }
    outbox.append("],\"fallback\":{\"reason\":\"" as StaticString)
    outbox.append(fallback.reason.name)
    outbox.append("\",\"source\":\"" as StaticString)
    outbox.append(fallback.source.name)
    outbox.append("\"}" as StaticString)
    shelf.closing.withBytes { outbox.append($0) }
    return id
  }

  /// The list's items, then trending ones for what it lacks: the segment's first, then everyone's, then what is popular
  /// under the placement's filter, then what is left of the trending items when those of the lists are sold out.
  private func appendItems(
    _ answer: inout Exchange.Answer, _ shelf: Shelf, _ served: ServedModel, _ connection: Connection, list: RawSpan
  ) {
    let visit = connection.visit
    let unavailableBefore = metrics.unavailableSkipped
    var written = 0
    if case .list = answer.source {
      written = cut(list, upTo: visit.count, visit.allowed, after: 0, served, connection)
      if written < visit.count { skipped.insert(itemsOf: RenderedList(validated: list)) }
    }
    // The item that others are to be like is in no list of its own, but may well be trending.
    if let item = visit.item { skipped.insert(served.model.itemHash(item)) }
    if written < visit.count { written += topUp(after: written, from: visit.segment + 1, served, connection) }
    if written < visit.count { written += topUp(after: written, from: 0, served, connection) }
    if written < visit.count, let popular = served.popular[shelf.index] {
      written += popular.withBytes {
        cut($0, upTo: visit.count - written, visit.allowed, after: written, served, connection)
      }
    }
    let lacksSoldOut = metrics.unavailableSkipped != unavailableBefore
    if written < visit.count && lacksSoldOut {
      written += topUpFromAvailable(after: written, visit.allowed, served, connection)
    }
    guard written == 0, !visit.allowed.isEmpty else { return }
    answer = Exchange.Answer(
      source: .trending, tier: .popular, fallback: Fallback(reason: .filterEmpty, source: .trending, tier: .popular))
    guard !connection.request.strictFiltering else { return }
    // The request's filter may be given up; the operator's may not, nor what forbids single items.
    gatherSkipped(connection)
    if let item = visit.item { skipped.insert(served.model.itemHash(item)) }
    written = (served.popular[shelf.index] ?? served.trending[0]).withBytes {
      cut($0, upTo: visit.count, shelf.filter, after: 0, served, connection)
    }
    if written == 0 && metrics.unavailableSkipped != unavailableBefore {
      _ = topUpFromAvailable(after: 0, shelf.filter, served, connection)
    }
  }

  /// Adds what can be shown of all trending items: a rendered list has only the first hundred, and just these may be sold
  /// out together. Some 30 µs.
  private func topUpFromAvailable(
    after written: Int, _ filter: ItemFilter, _ served: ServedModel, _ connection: Connection
  ) -> Int {
    available.removeAll()
    _ = served.model.renderAvailable(
      served.availability, filter: filter, keyHash: 0, now: unixSeconds, scratch: scratch, into: &available)
    return available.withBytes {
      cut($0, upTo: connection.visit.count - written, filter, after: written, served, connection)
    }
  }

  /// Adds what a trending list has: that of a segment, or 0 for everyone's.
  private func topUp(after written: Int, from index: Int, _ served: ServedModel, _ connection: Connection) -> Int {
    let visit = connection.visit
    let bytes = served.trending[index]
    let added = cut(bytes.span.bytes, upTo: visit.count - written, visit.allowed, after: written, served, connection)
    // What this list has, the next one is not to give again.
    if written + added < visit.count { skipped.insert(itemsOf: RenderedList(validated: bytes.span.bytes)) }
    return added
  }

  /// Appends the items of a list that may be shown, up to a number of them; returns how many.
  private func cut(
    _ list: RawSpan, upTo limit: Int, _ filter: ItemFilter, after written: Int, _ served: ServedModel,
    _ connection: Connection
  ) -> Int {
    let visit = connection.visit
    let rendered = RenderedList(validated: list)
    let cut = served.model.withRules(seenBy: visit.userRow, filter: filter, availability: served.availability) {
      rules in
      if connection.batch != nil {
        connection.batch!.show(rendered, upTo: limit, skipping: skipped, rules: rules)
      }
      return rendered.slice(
        upTo: limit, skipping: skipped, rules: rules, fields: fields, continuing: written > 0, into: &outbox)
    }
    metrics.unavailableSkipped += UInt64(cut.unavailable)
    return cut.written
  }
}
