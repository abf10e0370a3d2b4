internal import CKernels

/// The memory of one worker's searches. Made once, grown when a larger index comes, never per query.
///
/// One search at a time: not for sharing between threads. About 10 bytes per list and 16 per block, plus 100 KB.
public final class SearchScratch {
  let kernels: Kernels
  private(set) var query: UnsafeMutablePointer<Float>
  private(set) var codes: UnsafeMutablePointer<Int8>
  private(set) var sums: UnsafeMutablePointer<Int32>
  private(set) var dots: UnsafeMutablePointer<Float>
  private(set) var bounds: UnsafeMutablePointer<Float>
  /// Keys of lists or blocks while they are ranked; `sample` beside them for a threshold.
  private(set) var listKeys: UnsafeMutablePointer<UInt64>
  private(set) var blockKeys: UnsafeMutablePointer<UInt64>
  private(set) var blocks: UnsafeMutablePointer<UInt32>
  private(set) var masks: UnsafeMutablePointer<UInt32>
  let sample = UnsafeMutablePointer<UInt64>.allocate(capacity: sampleKeys)
  let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: keysMax)
  let items = UnsafeMutablePointer<UInt32>.allocate(capacity: rescoredMax)
  let scores = UnsafeMutablePointer<Float>.allocate(capacity: rescoredMax)
  private let answers = UnsafeMutablePointer<Hit>.allocate(capacity: VectorIndex.answersMax)
  private var answerCount = 0
  private var dimensionRoom = 0, listRoom = 0, blockRoom = 0

  /// What the last search did, for metrics and explanations.
  public internal(set) var work = SearchWork()

  var clock = StageClock()
  /// Whether searches say how long each step took.
  public var timesStages: Bool {
    get { clock.isOn }
    set { clock.isOn = newValue }
  }
  /// Of the last search, if `timesStages`; else 0.
  public func stageNanoseconds(_ stage: SearchStage) -> UInt64 { clock.nanoseconds[stage.rawValue] }

  /// Rows that one search scores again at most; room for as many twice over, and a few tiles, while scanning.
  static let rescoredMax = 4096
  static let keysMax = 2 * rescoredMax + 8 * Int(NT_TILE_VECTORS)
  /// Keys that a threshold is estimated from.
  static let sampleKeys = 256

  /// Grows at the first search.
  public init(kernels: Kernels = .active) {
    self.kernels = kernels
    (query, codes) = (.allocate(capacity: 1), .allocate(capacity: 1))
    (sums, dots, bounds) = (.allocate(capacity: 1), .allocate(capacity: 1), .allocate(capacity: 1))
    (listKeys, blockKeys) = (.allocate(capacity: 1), .allocate(capacity: 1))
    (blocks, masks) = (.allocate(capacity: 1), .allocate(capacity: 1))
  }

  /// Ready for an index, so that not even the first search allocates.
  public convenience init(for index: VectorIndex, kernels: Kernels = .active) {
    self.init(kernels: kernels)
    reserve(for: index.view)
  }

  deinit {
    release()
    sample.deallocate()
    keys.deallocate()
    items.deallocate()
    scores.deallocate()
    answers.deallocate()
  }

  /// The last search's answers, best first; equal scores by item, ascending. Valid until the next search.
  public var hits: Span<Hit> {
    @_lifetime(borrow self)
    get {
      let span = Span(_unsafeStart: UnsafePointer(answers), count: answerCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  func reserve(for view: IndexView) {
    let (lists, blockCount) = (view.centroidTiles * tileVectors, view.blockCount)
    guard view.paddedDimension > dimensionRoom || lists > listRoom || blockCount > blockRoom else { return }
    release()
    dimensionRoom = max(dimensionRoom, view.paddedDimension)
    listRoom = max(listRoom, lists)
    blockRoom = max(blockRoom, blockCount)
    query = .allocate(capacity: dimensionRoom)
    codes = .allocate(capacity: dimensionRoom)
    sums = .allocate(capacity: listRoom)
    dots = .allocate(capacity: listRoom)
    bounds = .allocate(capacity: listRoom)
    listKeys = .allocate(capacity: listRoom)
    blockKeys = .allocate(capacity: blockRoom)
    blocks = .allocate(capacity: blockRoom)
    masks = .allocate(capacity: blockRoom)
  }

  private func release() {
    query.deallocate()
    codes.deallocate()
    sums.deallocate()
    dots.deallocate()
    bounds.deallocate()
    listKeys.deallocate()
    blockKeys.deallocate()
    blocks.deallocate()
    masks.deallocate()
  }

  /// Takes sorted keys of exact scores as the answer.
  func answer(_ keys: UnsafePointer<UInt64>, _ count: Int) {
    for place in 0..<count { answers[place] = Hit(item: nt_key_id(keys[place]), score: nt_key_score(keys[place])) }
    answerCount = count
  }
}
