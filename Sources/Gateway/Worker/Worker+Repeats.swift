import Bytes
import Configuration
import HTTP
import Model
import Reactor

// The shortest way: what was asked and answered before is answered again from one entry of the first cache.
extension Worker {
  /// Whether the complete request at hand could be answered so: a plain GET of a recommendation, about which no header
  /// says anything that the answer would depend on.
  func isRepeatable(_ connection: Connection) -> Bool {
    guard !tellsTimes else { return false }
    return connection.withHead { head, _ in
      head.method == .get && !head.hasBody && head.persistence == .implied && head.value(of: .ifNoneMatch) == nil
        && (head.value(of: .origin) == nil || !crossOrigin.dependsOnOrigin)
    } && drainDeadlineNanoseconds == nil
  }

  /// Answers with an answer that was composed before and still holds; false when there is none.
  func answerAgain(_ connection: Connection) -> Bool {
    connection.targetHash = nil
    guard l1.count > 0, isRepeatable(connection) else { return false }
    let target = connection.withHead { head, bytes in composedKey.hash(bytes.extracting(head.target)) }
    connection.targetHash = target
    composeKey(ofTarget: target)
    guard let entry = l1.find(key.bytes, now: unixSeconds) else { return false }
    let head = l1.withValue(entry) { $0.unsafeLoadUnaligned(fromByteOffset: 0, as: ComposedAnswer.Head.self) }
    guard head.generation == composedGeneration, stillHolds(head) else { return false }
    claimOutbox(for: connection)
    composer.begin(200, .implied, into: &outbox)
    outbox.append(field: "Content-Type", "application/json")
    let age = unixSeconds > head.createdAt ? unixSeconds - head.createdAt : 0
    let fallback = head.fallback
    appendFreshness(
      Exchange.Answer(source: .list(.segment), tier: .l1, fallback: fallback), freshSeconds: head.freshSeconds,
      age: age,
      isPersonal: head.isPersonal != 0)
    let fixed = outbox.count
    l1.withValue(entry) { outbox.append($0.extracting(ComposedAnswer.headBytes...)) }
    RecommendationID.replace(
      randomAt: fixed + Int(head.randomOffset), random: (random.next(), UInt16(truncatingIfNeeded: random.next())),
      in: &outbox)
    metrics.l1.hits += 1
    metrics.repeated += 1
    count(head, connection, fallback)
    return true
  }

  private func composeKey(ofTarget target: UserHash) {
    key.removeAll()
    key.append(littleEndian: target.high)
    key.append(littleEndian: target.low)
  }

  private func stillHolds(_ head: ComposedAnswer.Head) -> Bool {
    guard l1.isFresh(ComposedAnswer.Entry(index: head.listIndex, stamp: head.listStamp), now: unixSeconds) else {
      return false
    }
    guard head.windowIndex != L1Cache.none else { return true }
    return l1.isFresh(ComposedAnswer.Entry(index: head.windowIndex, stamp: head.windowStamp), now: unixSeconds)
  }

  private func count(_ head: ComposedAnswer.Head, _ connection: Connection, _ fallback: Fallback?) {
    let now = loop.nowNanoseconds
    let started = connection.startedNanoseconds
    let nanoseconds = now > started ? now - started : 0
    metrics.answered(placement: Int(head.placement), tier: .l1, status: 200, nanoseconds: nanoseconds)
    metrics.versions.answered(row: head.row, nanoseconds: nanoseconds, isFallback: fallback != nil)
    if head.windowIndex != L1Cache.none { metrics.windows.hits += 1 }
    if let fallback { metrics.fellBack(placement: Int(head.placement), fallback) }
  }

  /// Keeps the answer that ends the outbox for the next request with its target, if it is not the first with it.
  func remember(
    _ answer: Exchange.Answer, _ shelf: Shelf, _ connection: Connection, fixed: Int, id: Int, createdAt: UInt32
  ) {
    let visit = connection.visit
    // An answer by a snapshot or policy that was replaced while it was waited for must not be given again.
    let present = shelves[shelf.index]
    guard shelf === present || shelf === present.challenger || shelf === present.bystander else { return }
    guard let target = connection.targetHash, !shelf.tellsTime, doorkeeper.admits(target.high) else { return }
    let ground = visit.ground
    var head = ComposedAnswer.Head(
      generation: composedGeneration, listIndex: ground.list.index, listStamp: ground.list.stamp,
      windowIndex: ground.window.index, windowStamp: ground.window.stamp, createdAt: createdAt,
      freshSeconds: shelf.freshSeconds, randomOffset: UInt32(id + RecommendationID.randomOffset - fixed),
      placement: UInt16(shelf.index), reason: ComposedAnswer.noFallback, source: ComposedAnswer.noFallback,
      isPersonal: visit.user == nil ? 0 : 1, row: shelf.row)
    if let fallback = answer.fallback {
      head.reason = fallback.reason.rawValue
      head.source = fallback.source.rawValue
    }
    composed.removeAll()
    withUnsafeBytes(of: &head) { composed.append(unsafe: $0) }
    composed.append(outbox.bytes.extracting(fixed...))
    composeKey(ofTarget: target)
    composedFreshUntil = createdAt &+ head.freshSeconds
  }

  /// Puts what `remember` prepared into the first cache, once nothing of the cache is lent any more.
  func keepComposed() {
    guard let until = composedFreshUntil else { return }
    composedFreshUntil = nil
    key.withBytes { key in
      composed.withBytes { value in _ = l1.insert(key, value, freshUntil: until, staleUntil: until, now: unixSeconds) }
    }
  }
}

extension ComposedAnswer.Head {
  var fallback: Fallback? {
    guard reason != ComposedAnswer.noFallback, let reason = FallbackReason(rawValue: reason),
      let source = Fallback.Source(rawValue: source)
    else { return nil }
    return Fallback(reason: reason, source: source)
  }
}
