internal import Bytes
internal import Ranking
internal import Retrieval

/// The memory of one worker's list making. Grows to the largest model it meets, then allocates no more. One list at a
/// time, one thread.
///
/// About 100 KB for the search, a bit an item for what may be answered, one more while items are unavailable, the
/// sets of the last filters (`FilterSets`), and 500 candidates.
public final class ComputeScratch {
  let search = SearchScratch()
  let ranking = RankingScratch()
  var foldIn = FoldIn()
  var affinity = CategoryAffinity()
  var query: [Float] = []
  /// Items that may be answered; only looked at when `isRestricted`.
  var allowed = Bitmap(count: 0)
  var isRestricted = false
  /// Items that pass the list's filter; only looked at when `isFiltered`.
  private var filters = FilterSets()
  private var isFiltered = false
  /// Items that the user has met: mostly few, and left out of what was found.
  private(set) var history: [UInt32] = []
  /// The same, unless they have been taken out of `allowed`.
  var met = ItemSet()
  /// Items that are available, as of a stamp of `Availability`; only looked at when `isReduced`.
  private(set) var available = Bitmap(count: 0)
  private var availableStamp: UInt64 = 0
  var isReduced = false
  var writer = RenderedListWriter()
  var chosen = ItemHashSet()
  /// Candidates by cosine, while the best are chosen.
  var nearness: [UInt64] = []
  /// What was read ahead of need: kept, or the reads would be optimised away.
  var touched: UInt64 = 0

  public init() {}

  /// Forgets the last list.
  func begin(_ model: ServingModel) {
    if query.count != model.dimension { query = Array(repeating: 0, count: model.dimension) }
    if allowed.count != model.itemCount { allowed = Bitmap(count: model.itemCount) }
    isRestricted = false
    isFiltered = false
    isReduced = false
    history.removeAll(keepingCapacity: true)
    met.removeAll()
    affinity.removeAll()
    ranking.removeAll()
  }

  func add(met item: UInt32) {
    history.append(item)
    met.insert(item)
  }

  /// Makes `allowed` matter; at first it is everything that is available and passes the filter.
  func restrict(_ model: ServingModel) {
    guard !isRestricted else { return }
    isRestricted = true
    allowed.assign(isFiltered ? filters.items : isReduced ? available : model.allItems)
  }

  /// Makes a filter matter, that has conditions; after `reduce`.
  func restrict(to filter: ItemFilter, _ model: ServingModel) {
    filters.find(filter, model)
    isFiltered = true
    guard isReduced else { return }
    restrict(model)
    allowed.formIntersection(available)
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
  var allow: Bitmap? { isRestricted ? allowed : isFiltered ? filters.items : isReduced ? available : nil }
  /// Whether that is nothing.
  var allowsNothing: Bool {
    isRestricted ? allowed.ones == 0 : isFiltered ? filters.items.ones == 0 : isReduced && available.ones == 0
  }
}
