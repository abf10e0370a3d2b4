import Bytes
import Glibc
import Model
import Snapshots

/// Measures a snapshot beside the one that serves: lists of the same users, windows, segments and items by both, in turns.
///
/// On the thread that calls it, with memory of its own: workers notice nothing but a busier processor. Bounded by
/// `budgetMilliseconds` and by the number of samples, whichever ends first; beside that, one pass over the new vectors.
struct Proof: ~Copyable {
  /// Places of a list that are compared: what a page shows, and the page after.
  static let placesMax = 20
  /// Lengths of vectors that are compared: two samples of 2,000 of one distribution are 0.04 apart once in twenty times.
  static let normsMax = 2_000

  private let candidate: ServingModel
  private let live: ServingModel?
  private let subjects: ProofSubjects
  private let samples: Int
  private let deadline: UInt64
  private var random: ProofRandom
  private let old: ProofSide
  private let new: ProofSide
  private var figures = GateFigures()
  private var beside = GateFigures.Live()

  init(_ candidate: ServingModel, live: ServingModel?, samples: Int, budgetMilliseconds: Int) {
    self.candidate = candidate
    self.live = live
    self.samples = samples
    deadline = monotonicNanoseconds() + UInt64(budgetMilliseconds) * 1_000_000
    subjects = ProofSubjects(candidate, live: live, samples: samples)
    random = ProofRandom(seed: UInt64(candidate.digest.prefix) ^ 0x77)
    new = ProofSide(candidate)
    old = ProofSide(live ?? candidate)
  }

  /// - Parameter probeRecall: of the snapshot's own probes, which were asked when it was loaded.
  consuming func measure(probeRecall: Double) -> GateFigures {
    figures.dimension = candidate.dimension
    figures.items = candidate.itemCount
    figures.probes = candidate.probeCount
    figures.probeRecall = probeRecall
    figures.itemNotFinite = candidate.firstItemNotFinite().map { idOf($0) }
    // A search among numbers that are none measures nothing.
    if figures.itemNotFinite == nil { compareLists() }
    figures.coverage = new.coverage
    figures.listsMade = new.nanoseconds.count
    figures.medianMicroseconds = medianMicroseconds(new.nanoseconds)
    if let live { figures.live = compared(with: live) }
    return figures
  }

  private func idOf(_ item: UInt32) -> String {
    let candidate = candidate  // Lends the bytes.
    return String(copying: candidate.itemID(item))
  }

  private mutating func compared(with live: ServingModel) -> GateFigures.Live {
    beside.version = live.version
    beside.dimension = live.dimension
    beside.items = live.itemCount
    beside.itemsKept = subjects.itemsKept
    beside.usersKept = subjects.usersKept
    beside.userScores = kolmogorovSmirnov(new.userScores, old.userScores)
    beside.windowScores = kolmogorovSmirnov(new.windowScores, old.windowScores)
    beside.itemNorms = kolmogorovSmirnov(itemNorms(candidate), itemNorms(live))
    beside.userNorms = kolmogorovSmirnov(userNorms(candidate), userNorms(live))
    beside.coverage = old.coverage
    beside.medianMicroseconds = medianMicroseconds(old.nanoseconds)
    return beside
  }

  private mutating func itemNorms(_ model: ServingModel) -> [Float] {
    random.rows(model.itemCount, atMost: Self.normsMax).map { model.itemNorm(UInt32($0)) }
  }

  private mutating func userNorms(_ model: ServingModel) -> [Float] {
    random.rows(model.userCount, atMost: Self.normsMax).map { model.userNorm(at: $0) }
  }

  // MARK: Lists.

  /// One of each kind in turn, so that a budget that ends cuts all kinds alike.
  private mutating func compareLists() {
    for place in 0..<samples where monotonicNanoseconds() < deadline {
      if place < subjects.users.count { compare(user: subjects.users[place]) }
      if place < subjects.items.count { compare(item: subjects.items[place]) }
      if subjects.users.isEmpty { compareWindow(at: place) }
    }
    if !new.areScoresFinite { figures.itemNotFinite = "of a sampled list" }
  }

  private mutating func compare(user: UserHash) {
    let known = lists { $0.list(user: user) }
    if let known { beside.users.add(overlap(known.new.items, known.old.items)) }
    compare(after: window(of: user, else: known?.old.items ?? []))
    if let segments = lists({ $0.list(segmentOf: user) }) {
      beside.segments.add(overlap(segments.new.items, segments.old.items))
    }
  }

  private mutating func compare(after window: [UInt8]?) {
    let nobody = UserHash(high: 0, low: 0)
    guard let window, let after = lists({ $0.list(user: nobody, after: window) }) else { return }
    beside.windows.add(overlap(after.new.items, after.old.items))
  }

  /// Of a snapshot without users: somebody who has met an item or two.
  private mutating func compareWindow(at place: Int) {
    let source = live ?? candidate
    let items = subjects.items.dropFirst(place).prefix(2).compactMap { source.item(hash: $0) }
    if !items.isEmpty { compare(after: windowBytes(items, of: source)) }
  }

  private mutating func compare(item: UInt64) {
    guard let similar = lists({ $0.list(similarTo: item) }) else { return }
    beside.similar.add(overlap(similar.new.items, similar.old.items))
  }

  /// The same list by both, the one that serves first every other time: whoever is second finds the caches warm.
  private mutating func lists(_ make: (ProofSide) -> ProofList?) -> (new: ProofList, old: ProofList)? {
    guard live != nil else { return make(new).map { ($0, $0) } }
    let isOldFirst = random.next() & 1 == 0
    let first = make(isOldFirst ? old : new)
    let second = make(isOldFirst ? new : old)
    guard let first, let second else { return nil }
    return isOldFirst ? (second, first) : (first, second)
  }

  /// The last ten items of a user are not known, only all that were met: ten of those that both snapshots have, at random.
  /// Without a history what the model that serves would show stands in.
  private mutating func window(of user: UserHash, else shown: [UInt64]) -> [UInt8]? {
    let source = live ?? candidate
    var items: [UInt32] = []
    if let row = source.user(user) {
      let seen = source.seen(by: row)
      for place in random.rows(seen.count, atMost: Window.eventsMax) { items.append(seen[place]) }
    }
    if items.isEmpty { items = shown.prefix(Window.eventsMax / 2).compactMap { source.item(hash: $0) } }
    items = items.filter { candidate.item(hash: source.itemHash($0)) != nil }
    return items.isEmpty ? nil : windowBytes(items, of: source)
  }
}

/// A window of clicks just now.
private func windowBytes(_ items: [UInt32], of model: ServingModel) -> [UInt8]? {
  var bytes: [UInt8] = []
  for item in items {
    var next = ByteBuffer(capacity: Window.bytesMax)
    guard let event = WindowEvent(time: unixSeconds(), type: .click, itemID: model.itemID(item)) else { return nil }
    if bytes.isEmpty {
      Window.append(event, to: &next)
    } else {
      let known = bytes.span.bytes
      guard let window = try? Window(known) else { return nil }
      window.append(adding: event, to: &next)
    }
    bytes = next.bytes.copied()
  }
  return bytes
}

/// Of the monotonic clock.
func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
