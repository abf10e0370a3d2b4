import Bytes
import Configuration
import Events
import HTTP
import JSON
import Model

// POST /v1/events: check, count, keep, and bring windows up to date before the 202.
extension Worker {
  /// Text that an event may carry in one member.
  private static let textBytesMax = 255
  /// Items of an impression that are counted.
  private static let impressionItemsMax = 100
  /// How far in the past or future `sentAt` may lie to be believed; beyond it the time of arrival counts. Clients
  /// queue events while they are offline, and clocks are set wrong.
  private static let pastSecondsMax: Int64 = 7 * 86_400
  private static let futureSecondsMax: Int64 = 300

  func takeEvents(_ connection: Connection) {
    do throws(RequestProblem) {
      let root = try requestBody.parse(connection.body.bytes)
      guard root.kind == .object, let events = root["events"], events.kind == .array else {
        throw .bad("events", "The body must be an object with a list \"events\".")
      }
      guard events.count > 0 else { throw .bad("events", "The list holds no event.") }
      guard events.count <= settings.events.batchMax else {
        throw .tooLong("events", "More than \(settings.events.batchMax) events in one request.")
      }
      take(events, connection)
    } catch {
      answer(Problem(error, inBody: true), on: connection)
    }
  }

  private func take(_ events: JSONValue, _ connection: Connection) {
    nextVisit += 1
    let batch = EventBatch(id: nextVisit, connectionSlot: connection.slot)
    var records: [EventRecord] = []
    for index in 0..<events.count {
      do throws(EventRejection) {
        let record = try read(events[index])
        batch.accepted += 1
        guard intake.isNew(xxh3(record.eventID), now: unixSeconds) else {
          batch.duplicates += 1
          continue
        }
        count(record, items: events[index]["impression"])
        records.append(record)
      } catch {
        batch.rejected.append((index, error.reason))
      }
    }
    metrics.eventsAccepted += UInt64(batch.accepted - batch.duplicates)
    metrics.eventsRejected += UInt64(batch.rejected.count)
    metrics.eventsDuplicate += UInt64(batch.duplicates)
    intake.append(records)
    updateWindows(records, batch, connection)
  }

  /// One update a user, in the order of the batch.
  private func updateWindows(_ records: [EventRecord], _ batch: EventBatch, _ connection: Connection) {
    var byUser: [UserHash: [EventRecord]] = [:]
    // In the order of their first event: a dictionary has none, and a simulated run must repeat.
    var users: [UserHash] = []
    for record in records where record.type.entersWindow {
      var arrived = record
      // In the window the time of arrival counts: what is answered from now on must reflect the event.
      arrived.time = unixSeconds
      if byUser[record.user] == nil { users.append(record.user) }
      byUser[record.user, default: []].append(arrived)
    }
    guard !byUser.isEmpty else { return answer(batch, on: connection) }
    connection.eventBatch = batch
    batches[batch.id] = batch
    // Held until all are under way, so that the batch is not settled by the first.
    batch.pending = 1
    for user in users {
      nextVisit += 1
      update(WindowUpdate(id: nextVisit, user: user, events: byUser[user]!, batch: batch))
    }
    settle(batch)
  }

  /// 202: how many were taken, and why the others were not.
  func answer(_ batch: EventBatch, on connection: Connection) {
    claimOutbox(for: connection)
    list.removeAll()
    list.append("{\"accepted\":" as StaticString)
    list.append(decimal: batch.accepted)
    list.append(",\"duplicates\":" as StaticString)
    list.append(decimal: batch.duplicates)
    list.append(",\"rejected\":[" as StaticString)
    for (position, (index, reason)) in batch.rejected.enumerated() {
      list.append(position == 0 ? "{\"index\":" : ",{\"index\":" as StaticString)
      list.append(decimal: index)
      list.append(",\"reason\":\"" as StaticString)
      list.append(jsonEscaped: reason)
      list.append("\"}" as StaticString)
    }
    list.append("]}" as StaticString)
    composer.write(
      202, connection.persistence, to: connection.method, contentType: "application/json", body: list.bytes,
      into: &outbox
    ) { out in appendCORS(connection, to: &out) }
    finish(connection, status: 202)
  }

  // MARK: One event.

  private func read(_ event: JSONValue) throws(EventRejection) -> EventRecord {
    guard event.kind == .object else { throw EventRejection("An event must be an object.") }
    let typeName = try text(event, "eventType")
    guard let type = EventType(typeName) else {
      throw EventRejection("eventType \"\(typeName)\" is none of impression, click, view, add-to-cart and purchase.")
    }
    let user = try text(event, "userId")
    let eventID = try text(event, "eventId")
    // An impression may name its items in a list only.
    let item = event["itemId"] == nil && type == .impression ? "" : try text(event, "itemId")
    var record = EventRecord(
      type: type, user: identityKey.hash(user.utf8.span.bytes), itemID: item, time: try time(of: event),
      eventID: eventID)
    record.recommendationID = try optionalText(event, "recommendationId")
    record.position = event["position"]?.int64.flatMap { Int(exactly: $0) }
    if item.isEmpty && (event["impression"]?.kind != .array || event["impression"]?.count == 0) {
      throw EventRejection("An impression needs itemId or a list \"impression\" of item ids.")
    }
    return record
  }

  private func time(of event: JSONValue) throws(EventRejection) -> UInt32 {
    guard let value = event["sentAt"], value.kind != .null else { return unixSeconds }
    var given = value.int64
    if let text = value.string { given = readTime(text) }
    guard let given else { throw EventRejection("sentAt must be a time like 2026-11-22T16:21:00Z.") }
    let now = Int64(unixSeconds)
    return given > now + Worker.futureSecondsMax || given < now - Worker.pastSecondsMax
      ? unixSeconds : UInt32(clamping: given)
  }

  private func text(_ event: JSONValue, _ name: StaticString) throws(EventRejection) -> String {
    guard let text = try optionalText(event, name), !text.isEmpty else { throw EventRejection("\(name) is missing.") }
    return text
  }

  private func optionalText(_ event: JSONValue, _ name: StaticString) throws(EventRejection) -> String? {
    guard let value = event[name], value.kind != .null else { return nil }
    guard let bytes = value.string else { throw EventRejection("\(name) must be a string.") }
    guard bytes.byteCount <= Worker.textBytesMax else {
      throw EventRejection("\(name) has more than \(Worker.textBytesMax) bytes.")
    }
    return String(copying: bytes)
  }

  /// Counts what a recommendation led to, by what made it.
  private func count(_ record: EventRecord, items: JSONValue?) {
    guard record.type == .impression || record.type == .click, let text = record.recommendationID,
      let id = RecommendationID(text.utf8.span.bytes)
    else { return }
    let source = RecommendationSource(id)
    guard placements.all.contains(where: { $0.code == source.placement }) else { return }
    switch record.type {
    case .click:
      metrics.clicks.add(1, to: source)
      countResponse(to: id, by: record.user, impressions: 0, clicks: 1, items: nil, itemID: record.itemID)
    default:
      let shown = UInt64(max(1, items?.kind == .array ? min(items!.count, Worker.impressionItemsMax) : 0))
      metrics.impressions.add(shown, to: source)
      countResponse(to: id, by: record.user, impressions: shown, clicks: 0, items: items, itemID: record.itemID)
    }
  }
}

/// Why one event of a batch is not taken: the client's fault, not to be sent again as it is.
struct EventRejection: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}
