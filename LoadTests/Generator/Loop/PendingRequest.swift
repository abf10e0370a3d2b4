/// A request from its plan to its end.
struct PendingRequest {
  var index: UInt64
  /// Nanoseconds since the measured part began, as all times of a run.
  var planned: Int64
  var sent: Int64 = 0
  var template = 0
  var user: IDDraw.Identity?
  /// Hash of the item asked about.
  var item: UInt64?
  /// What the click model posts; nil for requests of the plan.
  var post: EventPost?
  var isRetry = false

  init(index: UInt64, planned: Int64) {
    self.index = index
    self.planned = planned
  }
}

/// A batch of events on its way.
final class EventPost {
  let body: [UInt8]
  let impressions: Int
  let clicks: Int

  init(body: [UInt8], impressions: Int, clicks: Int) {
    self.body = body
    self.impressions = impressions
    self.clicks = clicks
  }
}
