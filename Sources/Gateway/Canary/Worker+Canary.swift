import Bytes
import JSON
import Model
import Publishing

// On which side of a canary a request is, and what its events count for.
extension Worker {
  /// The shelf that answers: the champion's or the challenger's, by who asks. A user's own id decides; else the session's;
  /// in a page's batch, for a shelf that names nobody, whom the others name. Who is not known in any way sees the champion,
  /// since there would be nothing that keeps a side, and takes no part in the comparison.
  func side(of shelf: Shelf, for connection: Connection) -> Shelf {
    guard let challenger = shelf.challenger, let split = shelf.split else { return shelf }
    guard let unit = canaryUnit(connection.request) ?? connection.batch?.unit else { return shelf.bystander ?? shelf }
    return split.includes(unit) ? challenger : shelf
  }

  private func canaryUnit(_ request: borrowing RecommendationRequest) -> UserHash? {
    if let user = request.userID { return identityKey.hash(request.bytes(user)) }
    if let session = request.sessionID { return identityKey.hash(request.bytes(session)) }
    return nil
  }

  /// The first user that a batch names, else the first session.
  func canaryUnit(of batch: Batch) -> UserHash? {
    for place in 0..<batch.count where batch[place].request.userID != nil { return canaryUnit(batch[place].request) }
    for place in 0..<batch.count where batch[place].request.sessionID != nil { return canaryUnit(batch[place].request) }
    return nil
  }

  /// Counts an event for the version that made the answer it is about.
  func countResponse(
    to id: RecommendationID, by user: UserHash, impressions: UInt64, clicks: UInt64, items: JSONValue?, itemID: String
  ) {
    guard let row = versionRow(of: id) else { return }
    metrics.versions.responded(row: row, user: user, arm: id.arm, impressions: impressions, clicks: clicks)
    guard impressions > 0 else { return }
    guard let items, items.kind == .array, items.count > 0 else {
      return metrics.versions.shown(row: row, itemHash: xxh3(itemID))
    }
    for place in 0..<min(items.count, Int(impressions)) {
      if let item = items[place].string { metrics.versions.shown(row: row, itemHash: xxh3(item)) }
    }
  }

  /// Of a version that serves; of one that is gone nobody asks any more.
  private func versionRow(of id: RecommendationID) -> UInt8? {
    guard let shelf = shelves.first(where: { $0.placement.code == id.placement }) else { return nil }
    for candidate in [shelf, shelf.challenger] {
      guard let candidate, let version = candidate.served?.identity.version else { continue }
      if RecommendationID.told(version) == id.version { return candidate.row }
    }
    return nil
  }
}
