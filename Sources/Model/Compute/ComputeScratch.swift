internal import Bytes
internal import Ranking
internal import Retrieval

/// The memory of one worker's list making. Grows to the largest model it meets, then allocates no more. One list at a
/// time, one thread.
///
/// About 100 KB for the search, two bits an item for filters, one more while items are unavailable, and 500 candidates.
public final class ComputeScratch {
  let search = SearchScratch()
  let ranking = RankingScratch()
  var foldIn = FoldIn()
  var affinity = CategoryAffinity()
  var query: [Float] = []
  /// Items that may be answered; only looked at when `isRestricted`.
  var allowed = Bitmap(count: 0)
  var spare = Bitmap(count: 0)
  var isRestricted = false
  /// Items that the user has met: few, and never in `allowed`, which is the same for everybody.
  var history: [UInt32] = []
  /// Items that are available, as of a stamp of `Availability`; only looked at when `isReduced`.
  private(set) var available = Bitmap(count: 0)
  private var availableStamp: UInt64 = 0
  var isReduced = false
  var writer = RenderedListWriter()
  var chosen = ItemHashSet()

  public init() {}

  /// Forgets the last list.
  func begin(_ model: ServingModel) {
    if query.count != model.dimension { query = Array(repeating: 0, count: model.dimension) }
    if allowed.count != model.itemCount {
      allowed = Bitmap(count: model.itemCount)
      spare = Bitmap(count: model.itemCount)
    }
    isRestricted = false
    isReduced = false
    history.removeAll(keepingCapacity: true)
    affinity.removeAll()
    ranking.removeAll()
  }

  /// Makes `allowed` matter; at first it is everything that is available.
  func restrict(_ model: ServingModel) {
    guard !isRestricted else { return }
    isRestricted = true
    allowed.assign(isReduced ? available : model.allItems)
  }

  /// Makes `available` matter if something is not. The items are copied when they have changed, not for each list.
  func reduce(_ availability: Availability) {
    guard !availability.isComplete else { return }
    isReduced = true
    let stamp = availability.stamp
    guard stamp != availableStamp else { return }
    available = availability.availableItems()
    availableStamp = stamp
  }

  /// What the search may answer with; nil for everything.
  var allow: Bitmap? { isRestricted ? allowed : isReduced ? available : nil }
  /// Whether that is nothing.
  var allowsNothing: Bool { isRestricted ? allowed.ones == 0 : isReduced && available.ones == 0 }
}
