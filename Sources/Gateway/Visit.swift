import Bytes
import Model

/// What is known of the recommendation request that a connection is having answered.
struct Visit {
  /// Tells this request from earlier and later ones of the connection, so that a late reply finds it gone.
  let id: UInt64
  let placement: Int
  let served: ServedModel?
  let startedNanoseconds: UInt64
  let deadlineNanoseconds: UInt64
  /// Items to answer with.
  let count: Int

  var exchange = Exchange(Exchange.Question(scope: .auto))
  var user: UserHash?
  /// The user's row in the snapshot.
  var userRow: UserRow?
  var item: UInt32?
  var segment = 0
  var bucket = ContextBucket.any
  /// What the request asks for.
  var filter = ItemFilter.none
  /// What may be shown: the request's filter and the placement's.
  var allowed = ItemFilter.none
  var variant = Variant.standard
  /// Where a list came from that travelled with the window.
  var prefetched: Tier?

  init(
    id: UInt64, placement: Int, served: ServedModel?, startedNanoseconds: UInt64, deadlineNanoseconds: UInt64,
    count: Int
  ) {
    self.id = id
    self.placement = placement
    self.served = served
    self.startedNanoseconds = startedNanoseconds
    self.deadlineNanoseconds = deadlineNanoseconds
    self.count = count
  }
}
