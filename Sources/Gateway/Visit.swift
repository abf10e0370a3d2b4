import Bytes
import Model

/// What is known of the recommendation request that a connection is having answered. One a connection, used again for
/// each of its requests.
final class Visit {
  /// Tells this request from earlier and later ones, so that a late reply finds it gone; 0 while there is none.
  private(set) var id: UInt64 = 0
  private(set) var shelf: Shelf!
  private(set) var startedNanoseconds: UInt64 = 0
  private(set) var deadlineNanoseconds: UInt64 = 0
  /// Items to answer with.
  private(set) var count = 0

  var exchange = Exchange(Exchange.Question(scope: .auto))
  var user: UserHash?
  /// The user's row in the snapshot.
  var userRow: UserRow?
  var item: UInt32?
  var segment = 0
  var bucket = ContextBucket.any
  /// Whether the request narrows what the placement shows.
  var isFiltered = false
  /// What the request asks for, and with the placement's what may be shown. Only of a filtered request.
  var filter = ItemFilter.none
  var narrowed = ItemFilter.none
  var variant = Variant.standard
  /// Where a list came from that travelled with the window.
  var prefetched: Tier?
  /// What of the first cache the answer rests on, if all of it does.
  var ground = ComposedAnswer.Ground()

  var isOpen: Bool { id != 0 }

  /// What may be shown: the request's filter and the placement's.
  var allowed: ItemFilter { isFiltered ? narrowed : shelf.filter }

  func begin(id: UInt64, _ shelf: Shelf, startedNanoseconds: UInt64, deadlineNanoseconds: UInt64, count: Int) {
    self.id = id
    self.shelf = shelf
    self.startedNanoseconds = startedNanoseconds
    self.deadlineNanoseconds = deadlineNanoseconds
    self.count = count
    user = nil
    userRow = nil
    item = nil
    segment = 0
    bucket = .any
    isFiltered = false
    variant = shelf.standardVariant
    prefetched = nil
    ground = ComposedAnswer.Ground()
  }

  /// The request is answered: whoever still waits for something on its behalf finds it gone.
  func end() {
    guard id != 0 else { return }
    id = 0
    shelf = nil
  }
}
