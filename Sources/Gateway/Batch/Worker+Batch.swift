import Bytes
import HTTP
import JSON
import Model
import Publishing
import Reactor

// POST /v1/recommendations:batch: several placements in one answer, each item once.
extension Worker {
  /// Reads the batch and sets out to answer all of its requests.
  func recommendBatch(_ connection: Connection) {
    metrics.batches += 1
    let batch = idleBatches.popLast() ?? Batch()
    do throws(RequestProblem) {
      try connection.body.withBytes { (bytes) throws(RequestProblem) in try read(bytes, into: batch) }
    } catch {
      release(batch)
      return answer(Problem(error, inBody: true), on: connection)
    }
    batch.unit = shelves.contains { $0.challenger != nil } ? canaryUnit(of: batch) : nil
    connection.batch = batch
    batch.body.append("{\"responses\":[" as StaticString)
    // The last part that starts may end it all: what lies in the pool again is not to be touched.
    for part in 0..<batch.count where connection.batch === batch && batch[part].problem == nil {
      start(part, of: batch, on: connection)
    }
    if connection.batch === batch { composeDecided(batch, on: connection) }
  }

  /// What is wrong with one request stays with it.
  private func read(_ bytes: RawSpan, into batch: Batch) throws(RequestProblem) {
    var itemCount = 0
    try BatchRequest.forEachRequest(in: bytes, requestBody) { place, value in
      let part = batch.add()
      do throws(RequestProblem) {
        let placement = try BatchRequest.placement(of: value, in: placements)
        part.placement = placement
        try requestBody.read(value, into: &part.request, listItemsMax: shelves[placement].policy.listItems)
        itemCount += part.request.numResults ?? shelves[placement].placement.numResults
      } catch {
        part.problem = Problem(error, ofRequest: place)
      }
    }
    try BatchRequest.check(itemCount: itemCount)
  }

  private func start(_ part: Int, of batch: Batch, on connection: Connection) {
    withPart(part, of: batch, on: connection) {
      do throws(RequestProblem) {
        try start(connection, shelves[batch[part].placement!])
      } catch {
        connection.visit.end()
        batch[part].problem = Problem(error, ofRequest: part)
      }
    }
  }

  /// Calls `body` with a part in its connection's place, whichever was there before. The batch may be over after it.
  func withPart(_ part: Int, of batch: Batch, on connection: Connection, _ body: () -> Void) {
    let outer = batch.current
    if outer == part { return body() }
    if let outer { batch[outer].changePlaces(with: connection) }
    batch[part].changePlaces(with: connection)
    batch.current = part
    body()
    guard connection.batch === batch else { return }
    batch[part].changePlaces(with: connection)
    batch.current = outer
    if let outer { batch[outer].changePlaces(with: connection) }
  }

  // MARK: Answers.

  /// The part in the connection's place is decided: its answer is composed, if all before it are, or kept.
  /// `list` is lent and may lie in the first cache.
  func take(_ answer: Exchange.Answer, forBatchOn connection: Connection, list: RawSpan) {
    guard let batch = connection.batch, let current = batch.current else { return }
    let part = batch[current]
    if batch.current == batch.next {
      compose(answer, for: batch, on: connection, list: list)
      return composeDecided(batch, on: connection)
    }
    part.answer = answer
    part.list.removeAll()
    if case .list = answer.source { part.list.append(list) }
  }

  /// The part in the connection's place is refused, because the node has more to do than it can: that is its answer, and
  /// the batch's if all are.
  func refusePart(ofBatchOn connection: Connection) {
    guard let batch = connection.batch, let current = batch.current else { return }
    metrics.versions.refused(row: connection.visit.shelf.row)
    connection.visit.end()
    var problem = Worker.busy
    problem.detail = "This node has more to do than it can; ask again in a few seconds."
    batch[current].problem = problem
    batch.refusedCount += 1
    composeDecided(batch, on: connection)
  }

  /// Composes what is next, as far as it is decided; with the last of it the batch is answered.
  private func composeDecided(_ batch: Batch, on connection: Connection) {
    while batch.next < batch.count, batch[batch.next].isDecided {
      let part = batch[batch.next]
      if let problem = part.problem {
        append(problem, to: batch)
        metrics.answered(placement: part.placement, status: problem.status)
        batch.next += 1
      } else if let answer = part.answer {
        withPart(batch.next, of: batch, on: connection) {
          part.list.withBytes { compose(answer, for: batch, on: connection, list: $0) }
        }
      }
    }
    if batch.isComposed { finish(batch, on: connection) }
  }

  /// Composes the answer of the part in the connection's place, which is the next.
  private func compose(_ answer: Exchange.Answer, for batch: Batch, on connection: Connection, list: RawSpan) {
    let visit = connection.visit
    let shelf = visit.shelf!
    var answer = answer
    claimOutbox(for: connection)
    let start = outbox.count
    gatherSkipped(connection)
    let id = composeBody(&answer, shelf, connection, list: list)
    RecommendationID.replace(
      at: id, version: shelf.served?.identity.version ?? 0, placement: shelf.placement.code, arm: shelf.arm,
      random: (random.next(), UInt16(truncatingIfNeeded: random.next())), in: &outbox)
    if batch.next > 0 { batch.body.append(UInt8(ascii: ",")) }
    outbox.withBytes(start..<outbox.count) { batch.body.append($0) }
    outbox.truncate(to: start)
    let age = self.age(of: list, answer)
    batch.note(
      answer, remainingSeconds: Int(shelf.freshSeconds) - Int(age), isCollapsed: visit.isCollapsed)
    batch.times.formMaximum(visit.times)
    count(answer, shelf, visit, status: 200)
    visit.end()
    batch.next += 1
  }

  private func append(_ problem: Problem, to batch: Batch) {
    if batch.next > 0 { batch.body.append(UInt8(ascii: ",")) }
    problem.append(to: &batch.body)
  }

  /// All is composed. The batch's answer is for this page alone: no cache may keep what a POST got, and none would.
  private func finish(_ batch: Batch, on connection: Connection) {
    if batch.refusedCount == batch.count {
      abandonBatch(of: connection)
      return answerBusy(connection, placement: nil)
    }
    batch.body.append("]}" as StaticString)
    let status = batch.status
    claimOutbox(for: connection)
    composer.begin(200, connection.persistence, into: &outbox)
    outbox.append(field: "Content-Type", "application/json")
    if let answer = status.answer {
      appendCacheStatus(answer, status.remainingSeconds, isCollapsed: status.isCollapsed)
    }
    outbox.append("Cache-Control: private, no-store\r\n" as StaticString)
    appendCORS(connection)
    if tellsTimes {
      let now = loop.nowNanoseconds
      let total = appendTimes(batch.times)
      patch(
        totalNanoseconds: now > connection.startedNanoseconds ? now - connection.startedNanoseconds : 0, at: total)
    }
    outbox.append(field: "Content-Length", decimal: batch.body.count)
    outbox.endHead()
    batch.body.withBytes { outbox.append($0) }
    abandonBatch(of: connection)
    connection.answered(closes: connection.persistence == .close)
  }

  /// The connection's batch is over, answered or not; whoever still waits for something on its behalf finds it gone.
  func abandonBatch(of connection: Connection) {
    guard let batch = connection.batch else { return }
    connection.batch = nil
    if let current = batch.current { batch[current].changePlaces(with: connection) }
    release(batch)
  }

  private func release(_ batch: Batch) {
    batch.reset()
    if idleBatches.count < Batch.idleMax { idleBatches.append(batch) }
  }
}
