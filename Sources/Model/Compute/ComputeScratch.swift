internal import Bytes
internal import Ranking
internal import Retrieval

/// The memory of one worker's list making. Grows to the largest model it meets, then allocates no more. One list at a
/// time, one thread.
///
/// About 100 KB for the search, two bits an item for filters, and 500 candidates.
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
    if allowed.count != model.itemCount {
      allowed = Bitmap(count: model.itemCount)
      spare = Bitmap(count: model.itemCount)
    }
    isRestricted = false
    affinity.removeAll()
    ranking.removeAll()
  }

  /// Makes `allowed` matter; everything is allowed at first.
  func restrict(_ model: ServingModel) {
    guard !isRestricted else { return }
    isRestricted = true
    allowed.assign(model.allItems)
  }
}
