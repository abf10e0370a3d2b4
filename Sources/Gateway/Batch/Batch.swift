import Bytes
import HTTP
import Model

/// The requests of one page under way together, answered in one body in their order.
///
/// Each request is a visit of its own, with its own deadline, and all look for their lists at once: what memcached is
/// asked leaves in one write, and the page waits as long as its slowest shelf does. A connection has one visit, one
/// request and one window; the batch's parts take turns in its place (`Worker.withPart`), so that everything that
/// answers a single request answers a part of a batch too.
///
/// An answer is composed when all before it are, because it leaves out what they show. One that is decided earlier
/// keeps its list until then.
///
/// Used again: a batch of a size met before allocates nothing but what its requests' filters do.
final class Batch {
  /// Between two uses, a worker keeps this many; each at most `BatchRequest.requestsMax` × 3 × `Connection.keptBytesMax`
  /// and two bodies: 4 × (16 × 24 KiB + 2 × 128 KiB) = 2.5 MiB at the very most.
  static let idleMax = 4

  final class Part {
    let visit = Visit()
    var request = RecommendationRequest()
    var window = ByteBuffer(capacity: 64)
    /// Known before the request is read, unless it is at fault itself.
    var placement: Int?
    /// What the request did wrong: its answer.
    var problem: Problem?
    /// What was decided while earlier parts were under way, and the list that it was decided on.
    var answer: Exchange.Answer?
    var list = ByteBuffer(capacity: 64)

    var isDecided: Bool { answer != nil || problem != nil }

    /// The connection answers this part, and what it was answering waits here; and the other way round.
    func changePlaces(with connection: Connection) {
      visit.changePlaces(with: connection.visit)
      swap(&request, &connection.request)
      swap(&window, &connection.window)
    }

    fileprivate func reset() {
      visit.end()
      request.removeAll()
      request.release(keepingCapacity: Connection.keptBytesMax)
      window.removeAll(keepingCapacity: Connection.keptBytesMax)
      list.removeAll(keepingCapacity: Connection.keptBytesMax)
      placement = nil
      problem = nil
      answer = nil
    }
  }

  private var pool: [Part] = []
  private(set) var count = 0
  /// The part whose answer is the next of the body.
  var next = 0
  /// The part that is in its connection's place.
  var current: Int?
  /// Items that the answers composed so far show, by the hashes of their ids.
  private(set) var shown: [UInt64] = []
  /// The answers composed so far.
  var body = ByteBuffer(capacity: 64)
  private(set) var status = BatchStatus()
  /// Who all of it is for: decides on which side parts are that name nobody.
  var unit: UserHash?
  /// Parts that the node had no time for.
  var refusedCount = 0
  /// Of each stage the longest, since parts wait together.
  var times = StageTimes()

  subscript(_ place: Int) -> Part { pool[place] }

  var isComposed: Bool { next == count }

  func add() -> Part {
    if count == pool.count { pool.append(Part()) }
    count += 1
    return pool[count - 1]
  }

  /// The part that still waits under this number of a visit, unless it is in its connection's place.
  func part(ofVisit id: UInt64) -> Int? {
    for place in next..<count where place != current && pool[place].visit.id == id && !pool[place].isDecided {
      return place
    }
    return nil
  }

  /// Notes which items a list is about to show; the arguments are those of `RenderedList.slice`.
  func show(_ list: borrowing RenderedList, upTo limit: Int, skipping skipped: borrowing ItemHashSet, rules: SliceRules) {
    list.appendShown(upTo: limit, skipping: skipped, rules: rules, to: &shown)
  }

  func note(_ answer: Exchange.Answer, remainingSeconds: Int, isCollapsed: Bool) {
    status.note(answer, remainingSeconds: remainingSeconds, isCollapsed: isCollapsed)
  }

  /// Ready for another page.
  func reset() {
    for place in 0..<count { pool[place].reset() }
    count = 0
    next = 0
    current = nil
    shown.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: Connection.outboxBytesMax)
    status = BatchStatus()
    times = StageTimes()
    refusedCount = 0
    unit = nil
  }
}

/// Which of a batch's answers its one `Cache-Status` tells about: the one that was farthest from a fresh hit, which is
/// the one that the others waited for; and of hits the shortest time.
struct BatchStatus: Equatable {
  private(set) var answer: Exchange.Answer?
  private(set) var remainingSeconds = 0
  private(set) var isCollapsed = false

  mutating func note(_ answer: Exchange.Answer, remainingSeconds: Int, isCollapsed: Bool) {
    guard let worst = self.answer else {
      self = BatchStatus(answer: answer, remainingSeconds: remainingSeconds, isCollapsed: isCollapsed)
      return
    }
    let (old, new) = (BatchStatus.distance(worst), BatchStatus.distance(answer))
    if new > old || new == old && self.isCollapsed && !isCollapsed {
      self.answer = answer
      self.isCollapsed = isCollapsed
    }
    self.remainingSeconds = min(self.remainingSeconds, remainingSeconds)
  }

  init() {}

  private init(answer: Exchange.Answer, remainingSeconds: Int, isCollapsed: Bool) {
    self.answer = answer
    self.remainingSeconds = remainingSeconds
    self.isCollapsed = isCollapsed
  }

  /// How far an answer is from one that was at hand.
  private static func distance(_ answer: Exchange.Answer) -> Int {
    switch answer.tier {
    case .popular: answer.fallback == nil ? 0 : 5
    case .l1: 1
    case .l2: 2
    case .stale: 3
    case .computed: 4
    }
  }
}
