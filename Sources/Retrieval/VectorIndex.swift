internal import CKernels
internal import Snapshots

/// The catalogue's vectors, ready to be searched: codes of two and of six bits a dimension to find candidates,
/// exact rows to order them.
///
/// Immutable and shared by all workers; each brings its own `SearchScratch`. Small catalogues are scanned whole, large
/// ones by the most promising blocks of 32 items (see `BlockRanking`).
public final class VectorIndex: Sendable {
  let view: IndexView
  let efforts: EffortTable
  /// Keeps the memory under `view` alive.
  private let owner: Owner

  enum Owner: Sendable {
    case snapshot(Snapshot, Rotation, CodesInMemory?)
    case built(BuiltIndex)
    /// The maker of the index looks after it: a build that measures itself.
    case maker
  }

  /// The longest list of answers to one query.
  public static let answersMax = 500
  /// The widest vector: 1,024 × 127 × 255 stays far below an i32.
  public static let dimensionMax = 1024
  /// Slots are 32-bit and blocks are not full.
  public static let itemsMax = 1 << 27

  init(_ view: IndexView, _ efforts: EffortTable, owner: Owner = .maker) {
    self.view = view
    self.efforts = efforts
    self.owner = owner
  }

  /// An index that was just built, in memory.
  public convenience init(_ built: BuiltIndex) {
    self.init(built.view, built.efforts, owner: .built(built))
  }

  public var count: Int { view.count }
  public var dimension: Int { view.dimension }
  public var metric: Metric { view.metric }
  /// Lists of the coarse level; 0 when every search scans all.
  public var listCount: Int { view.listCount }
  public var blockCount: Int { view.blockCount }

  /// The best `count` items by inner product with the query (normalised, if the metric is cosine), best first, in
  /// `scratch.hits`; equal scores by item. Fewer when fewer are allowed. What a score is stands at `Hit`.
  ///
  /// With `allow`, only items in it: recall is as without, and narrow filters are answered exactly. A zero query scores
  /// 0 everywhere and gets the first items. Allocates nothing once the scratch has met the index.
  public func search(
    _ query: Span<Float>, count: Int, allow: Bitmap?, effort: Effort, scratch: SearchScratch
  ) throws(SearchError) {
    try checkFilter(allow)
    let search = try Search(query, view, scratch, count: count)
    let plan = SearchPlan.choose(view, efforts, effort, count: search.k, allowed: allow?.ones)
    run(search, plan, allow)
  }

  /// The same, and none of these items, in any order: those a user has seen, or a list shows. As good as with a bitmap that
  /// lacks them, without writing one over the whole catalogue: about 3 ns an item and, where many of them are among the
  /// nearest, a second look at more blocks. At most `exclusionsMax`; numbers beyond the catalogue do no harm.
  public func search(
    _ query: Span<Float>, count: Int, allow: Bitmap?, excluding items: Span<UInt32>, effort: Effort,
    scratch: SearchScratch
  ) throws(SearchError) {
    guard items.count <= Self.exclusionsMax else { throw .tooManyExcluded(items.count) }
    try checkFilter(allow)
    let search = try Search(query, view, scratch, count: count)
    scratch.excluded.assign(items)
    var plan = SearchPlan.choose(view, efforts, effort, count: search.k, allowed: allow?.ones)
    run(search, plan, allow)
    // The budget was for the nearest k, some of which may not be answered: in truth more were asked for. Twice, because the
    // last of many are found less surely than they are on the average.
    while scratch.displaced > 0 {
      let asked = search.k + 2 * scratch.displaced
      let wider = SearchPlan.choose(view, efforts, effort, count: asked, allowed: allow?.ones)
      guard let next = plan.widened(to: wider, isShort: scratch.hits.count < search.k, view.blockCount) else { return }
      plan = next
      run(search, plan, allow)
    }
  }

  /// Items that one search can leave out.
  public static let exclusionsMax = ExcludedItems.countMax

  public func search(_ query: Span<Float>, count: Int, effort: Effort, scratch: SearchScratch) throws(SearchError) {
    try search(query, count: count, allow: nil, effort: effort, scratch: scratch)
  }

  /// The true answer, by reading every exact row that may answer: what recall is measured against.
  /// O(items × dimension).
  public func exactSearch(
    _ query: Span<Float>, count: Int, allow: Bitmap?, scratch: SearchScratch
  ) throws(SearchError) {
    try search(query, count: count, allow: allow, effort: .exact, scratch: scratch)
  }

  /// Items like one of the catalogue, itself included. `item` must be in it.
  public func searchNeighbors(
    of item: UInt32, count: Int, allow: Bitmap?, effort: Effort, scratch: SearchScratch
  ) throws(SearchError) {
    try search(vector(of: item), count: count, allow: allow, effort: effort, scratch: scratch)
  }

  /// The exact score of one item, as `exactSearch` would give it up to the last bits. 0 with a zero query. `query` has the
  /// index's dimension, `item` is in the catalogue. O(dimension).
  public func score(of item: UInt32, for query: Span<Float>) -> Float {
    let product = Kernels.active.dot(query, vector(of: item))
    guard metric == .cosine else { return product }
    let norm = Kernels.active.dot(query, query).squareRoot()
    return norm > Search.smallestNorm ? product / norm : 0
  }

  /// Begins to bring an item's exact row into the second-level cache, which keeps more misses in flight than reads do: for
  /// rows that are needed one after the other. Numbers beyond the catalogue do no harm.
  public func fetch(_ item: UInt32) {
    guard item < view.count else { return }
    nt_fetch(view.row(Int(item)), view.dimension)
  }

  /// The exact row of an item: normalised if the metric is cosine.
  @_lifetime(borrow self)
  public func vector(of item: UInt32) -> Span<Float> {
    precondition(item < view.count, "no such item")
    let span = Span(_unsafeStart: view.row(Int(item)), count: view.dimension)
    return _overrideLifetime(span, borrowing: self)
  }

  /// Bytes of the sections that answer, exact rows apart.
  public var codeBytes: Int {
    view.blockCount * (view.blockBytes + blockItems * (view.stepBytes + 4) + 13)
      + view.centroidTiles * (view.tileBytes + tileVectors * 16)
  }

  /// Bytes of codes that were copied out of the snapshot into huge pages.
  public var copiedBytes: Int {
    guard case .snapshot(_, _, let codes?) = owner else { return 0 }
    return codes.cells.count + codes.steps.count
  }

  /// What a search for `count` items spends to reach a recall.
  public func budget(_ effort: Effort, count: Int) -> SearchBudget {
    efforts.budget(effort, count: Double(count), blockCount: view.blockCount)
  }

  /// A search with a budget of one's own: for calibration and benchmarks.
  public func search(_ query: Span<Float>, count: Int, budget: SearchBudget, scratch: SearchScratch) throws(SearchError)
  {
    try search(query, count: count, excluding: Span(), budget: budget, scratch: scratch)
  }

  /// The same without some items, in no more blocks.
  func search(
    _ query: Span<Float>, count: Int, excluding items: Span<UInt32>, budget: SearchBudget, scratch: SearchScratch
  ) throws(SearchError) {
    let search = try Search(query, view, scratch, count: count)
    scratch.excluded.assign(items)
    var budget = budget
    budget.blocks = min(max(1, budget.blocks), max(1, blockCount))
    budget.rescored = min(max(0, budget.rescored), SearchScratch.rescoredMax)
    search.run(view.isFlat ? .flat(budget) : .blocks(budget), allow: nil)
  }

  private func checkFilter(_ allow: Bitmap?) throws(SearchError) {
    guard let size = allow?.count, size != view.count else { return }
    throw .filterMismatch(expected: view.count, got: size)
  }

  private func run(_ search: Search, _ plan: SearchPlan, _ allow: Bitmap?) {
    guard let words = allow?.words, let ones = allow?.ones else { return search.run(plan, allow: nil) }
    words.withUnsafeBufferPointer {
      // An index without items has a bitmap without words, and is answered before they are read.
      guard let base = $0.baseAddress else { return search.run(plan, allow: nil) }
      search.run(plan, allow: AllowedItems(words: base, wordCount: $0.count, count: ones))
    }
  }
}
