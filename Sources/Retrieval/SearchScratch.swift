internal import CKernels

/// The memory of one worker's searches. Made once, grown when a larger index comes, never per query.
///
/// One search at a time: not for sharing between threads. About 16 bytes per list and 28 per block, plus 450 KB.
public final class SearchScratch {
  let kernels: Kernels
  /// The query as given or normalised; turned and padded, as floats and in codes; and its table.
  private(set) var query = Room<Float>(1)
  private(set) var turned = Room<Float>(1)
  private(set) var spare = Room<Float>(1)
  private(set) var codes = Room<Int8>(1)
  private(set) var table = Room<UInt8>(1)
  /// Per list: inner product with the centroid, bound, and key while they are ranked.
  private(set) var dots = Room<Float>(1)
  private(set) var bounds = Room<Float>(1)
  private(set) var listKeys = Room<UInt64>(1)
  /// Per block: key while they are ranked; and what the scan is told of each.
  private(set) var blockKeys = Room<UInt64>(1)
  private(set) var blocks = Room<UInt32>(1)
  private(set) var masks = Room<UInt32>(1)
  private(set) var bases = Room<Float>(1)
  private(set) var steps = Room<Float>(1)
  private(set) var spareKeys = Room<UInt64>(keysMax + keySlack)
  let sample = Room<UInt64>(sampleKeys + keySlack)
  let keys = Room<UInt64>(keysMax + keySlack)
  let items = Room<UInt32>(rescoredMax)
  let scores = Room<Float>(rescoredMax)
  var excluded = ExcludedItems()
  /// Excluded items that the last search found among its best: they took places of others.
  var displaced = 0
  private let answers = Room<Hit>(VectorIndex.answersMax)
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

  /// Items that one search scores by their finer codes, and by exact rows, at most.
  static let refinedMax = 4096
  static let rescoredMax = 4096
  /// Four times as many while scanning, so that cuts are rare.
  static let keysMax = 4 * refinedMax
  /// Keys that a threshold is estimated from.
  static let sampleKeys = 256
  /// Taken in runs: a vector or two each.
  static let sampleRun = 32
  private static let keySlack = Int(NT_KEY_SLACK)

  /// Grows at the first search.
  public init(kernels: Kernels = .active) { self.kernels = kernels }

  /// Ready for an index, so that not even the first search allocates.
  public convenience init(for index: VectorIndex, kernels: Kernels = .active) {
    self.init(kernels: kernels)
    reserve(for: index.view)
  }

  deinit {
    release()
    spareKeys.deallocate()
    sample.deallocate()
    keys.deallocate()
    items.deallocate()
    scores.deallocate()
    answers.deallocate()
    excluded.deallocate()
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
    query = Room(dimensionRoom)
    turned = Room(dimensionRoom)
    spare = Room(dimensionRoom)
    codes = Room(dimensionRoom)
    table = Room(dimensionRoom * 8)
    dots = Room(listRoom)
    bounds = Room(listRoom)
    listKeys = Room(listRoom + Self.keySlack)
    blockKeys = Room(blockRoom + Self.keySlack)
    blocks = Room(blockRoom)
    masks = Room(blockRoom)
    bases = Room(blockRoom)
    steps = Room(blockRoom)
    spareKeys.deallocate()
    spareKeys = Room(max(Self.keysMax, listRoom, blockRoom) + Self.keySlack)
  }

  private func release() {
    query.deallocate()
    turned.deallocate()
    spare.deallocate()
    codes.deallocate()
    table.deallocate()
    dots.deallocate()
    bounds.deallocate()
    listKeys.deallocate()
    blockKeys.deallocate()
    blocks.deallocate()
    masks.deallocate()
    bases.deallocate()
    steps.deallocate()
  }

  /// Takes sorted keys of exact scores as the answer.
  func answer(_ keys: UnsafePointer<UInt64>, _ count: Int) {
    for place in 0..<count { answers[place] = Hit(item: nt_key_id(keys[place]), score: nt_key_score(keys[place])) }
    answerCount = count
  }
}

/// Memory at a cache line's start: tables and codes are loaded 64 bytes at a time.
typealias Room<Element: BitwiseCopyable> = UnsafeMutablePointer<Element>

extension UnsafeMutablePointer where Pointee: BitwiseCopyable {
  init(_ count: Int) {
    self = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * MemoryLayout<Pointee>.stride, alignment: 64)
      .assumingMemoryBound(to: Pointee.self)
  }
}
