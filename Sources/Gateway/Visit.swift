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
  /// It waited for a search that another request had begun.
  var isCollapsed = false
  /// Where the time went; only kept when `http.serverTiming` asks for it.
  var times = StageTimes()
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
    isCollapsed = false
    times = StageTimes()
    ground = ComposedAnswer.Ground()
  }

  /// The request is answered: whoever still waits for something on its behalf finds it gone.
  func end() {
    guard id != 0 else { return }
    id = 0
    shelf = nil
  }

  /// Each becomes what the other was: how the requests of a batch take turns on their connection. Not by swapping the
  /// objects, because a connection's own is a constant, which is what makes reaching it free.
  func changePlaces(with other: Visit) {
    swap(&id, &other.id)
    swap(&shelf, &other.shelf)
    swap(&startedNanoseconds, &other.startedNanoseconds)
    swap(&deadlineNanoseconds, &other.deadlineNanoseconds)
    swap(&count, &other.count)
    swap(&exchange, &other.exchange)
    swap(&user, &other.user)
    swap(&userRow, &other.userRow)
    swap(&item, &other.item)
    swap(&segment, &other.segment)
    swap(&bucket, &other.bucket)
    swap(&isFiltered, &other.isFiltered)
    swap(&filter, &other.filter)
    swap(&narrowed, &other.narrowed)
    swap(&variant, &other.variant)
    swap(&prefetched, &other.prefetched)
    swap(&isCollapsed, &other.isCollapsed)
    swap(&times, &other.times)
    swap(&ground, &other.ground)
  }
}
