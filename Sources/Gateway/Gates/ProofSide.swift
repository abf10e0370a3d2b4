import Bytes
import Model

/// One of the two snapshots, and what its lists were.
final class ProofSide {
  private let model: ServingModel
  private let scratch = ComputeScratch()
  private var list = ByteBuffer(capacity: 65536)
  private var bySegment: [Int: ProofList] = [:]
  private var shown: Set<UInt64> = []
  private var places = 0
  private var lists = 0
  private(set) var userScores: [Float] = []
  private(set) var windowScores: [Float] = []
  private(set) var areScoresFinite = true
  /// That each list took.
  private(set) var nanoseconds: [UInt64] = []

  init(_ model: ServingModel) { self.model = model }

  var coverage: GateFigures.Coverage {
    .init(lists: lists, differing: shown.count, places: places, items: model.itemCount)
  }

  func list(user: UserHash) -> ProofList? {
    guard let list = make(.user(user), .home) else { return nil }
    userScores += list.scores
    count(list)
    return list
  }

  /// Of somebody of whom only a window is known.
  func list(user: UserHash, after window: [UInt8]) -> ProofList? {
    guard let list = make(.user(user), .home, window: window) else { return nil }
    windowScores += list.scores
    count(list)
    return list
  }

  /// Segments are formed and numbered anew with each training: what compares is what the same user gets.
  func list(segmentOf user: UserHash) -> ProofList? {
    guard let row = model.user(user) else { return nil }
    let segment = model.segment(of: row)
    if let known = bySegment[segment] { return known }
    bySegment[segment] = make(.segment(segment), .home)
    return bySegment[segment]
  }

  func list(similarTo item: UInt64) -> ProofList? {
    guard let index = model.item(hash: item) else { return nil }
    return make(.item(index: index, hash: item), .detail)
  }

  /// As a worker would make it, whole.
  private func make(_ subject: Subject, _ policy: PlacementPolicy, window: [UInt8] = []) -> ProofList? {
    list.removeAll()
    let query = ListQuery(subject: subject, keyHash: 0, now: unixSeconds())
    let start = monotonicNanoseconds()
    if window.isEmpty {
      guard (try? model.render(query, for: policy, scratch: scratch, into: &list)) != nil else { return nil }
    } else {
      let bytes = window.span.bytes
      guard let read = try? Window(bytes),
        (try? model.render(query, for: policy, window: read, scratch: scratch, into: &list)) != nil
      else { return nil }
    }
    nanoseconds.append(monotonicNanoseconds() - start)
    let proof = model.proof(scratch, atMost: Proof.placesMax)
    areScoresFinite = areScoresFinite && proof.scores.allSatisfy(\.isFinite)
    return proof
  }

  private func count(_ list: ProofList) {
    shown.formUnion(list.items)
    places += list.items.count
    lists += 1
  }
}
