internal import Bytes

/// Takes rows as a reader finds them and makes them a log: users hashed, ids numbered, ratings and event types weighed.
///
/// Peak memory beside the mapped file: 16 bytes a row, as much again and 8 bytes of sort keys while rows are put in
/// order of time, and some 40 bytes plus its text per distinct id: ten million rows need about 400 MB.
struct InteractionLogBuilder {
  /// A window stores the length of an item id in one byte (CONTRACTS, Window).
  static let itemIdBytesMax = 255
  /// Longer user ids are taken for a broken row.
  static let userIdBytesMax = 4096

  private let identity: IdentityKey
  private let rules: InteractionRules
  private var log = InteractionLog()
  private var users = UserTable()
  private var items = IdTable()
  private var events = IdTable()
  private var eventWeights: [Float] = []
  private var eventCounts: [Int] = []
  private(set) var ignored = 0

  init(identity: IdentityKey, rules: InteractionRules) {
    self.identity = identity
    self.rules = rules
  }

  /// Numbers a user; the reason when the id cannot be one.
  mutating func user(_ id: RawSpan) -> Result<UInt32, RowProblem> {
    guard id.byteCount > 0 else { return .failure("the user is empty") }
    guard id.byteCount <= Self.userIdBytesMax else { return .failure("the user id is longer than 4096 bytes") }
    return .success(users.intern(identity.hash(id)))
  }

  /// Numbers a user whose hash is already known (event segments).
  mutating func user(_ hash: UserHash) -> UInt32 { users.intern(hash) }

  mutating func item(_ id: RawSpan) -> Result<UInt32, RowProblem> {
    if let problem = itemIdProblem(id) { return .failure(problem) }
    return .success(items.intern(id))
  }

  /// The weight of an event type, counted.
  mutating func weight(event: RawSpan) -> Float {
    let number = Int(events.intern(event))
    if number == eventWeights.count {
      let name = foldedName(String(copying: event))
      eventWeights.append(rules.eventWeights[name] ?? rules.unknownEventWeight)
      eventCounts.append(0)
    }
    eventCounts[number] += 1
    return eventWeights[number]
  }

  mutating func append(user: UInt32, item: UInt32, time: UInt32, weight: Float) {
    log.append(user, item, time, weight)
  }

  /// Counts a row that says nothing. Returns no problem, for callers that end with one.
  @discardableResult
  mutating func ignore() -> RowProblem? {
    ignored += 1
    return nil
  }

  var rowCount: Int { log.count }

  /// Event types in order of appearance, how often each came, and whether the rules know it.
  var eventTypes: [ReadReport.EventType] {
    (0..<events.count).map { number in
      let name = events.id(number)
      return ReadReport.EventType(
        name: name, count: eventCounts[number], weight: eventWeights[number],
        isKnown: rules.eventWeights[foldedName(name)] != nil)
    }
  }

  /// The log in order of time, without repeated deliveries; and how many of those there were.
  consuming func finish(_ traits: LogTraits) -> (log: InteractionLog, repeats: Int) {
    log.userHashes = users.hashes
    log.itemIds = items.ids
    log.hasTimes = traits.hasTimes
    log.isRated = traits.isRated
    log.sortByTime()
    let repeats = log.removeRepeats()
    return (log, repeats)
  }

  /// Turns the weights of the rows so far from ratings into what they say. The scale is known when all are read.
  mutating func weighRatings() {
    let highest = log.weights.max() ?? 1
    let lowest = log.weights.min() ?? 0
    func weigh(_ rating: Float, _ threshold: Double?, graded: Bool) -> Float {
      let bar = Float(threshold ?? Double(lowest + highest) / 2)
      guard rating >= bar else { return 0 }
      return graded && highest > 0 ? max(rating / highest, .leastNormalMagnitude) : 1
    }
    for row in 0..<log.count {
      let rating = log.weights[row]
      switch rules.ratings {
      case .graded(let threshold): log.setWeight(weigh(rating, threshold, graded: true), row: row)
      case .binary(let threshold): log.setWeight(weigh(rating, threshold, graded: false), row: row)
      case .all: log.setWeight(1, row: row)
      }
    }
  }
}

/// What rows have, beside users and items.
struct LogTraits: Equatable {
  var hasTimes: Bool
  var isRated: Bool
}

/// Why a row cannot be used.
struct RowProblem: Error, ExpressibleByStringInterpolation, CustomStringConvertible {
  let description: String

  init(stringLiteral value: String) { description = value }
}

/// What is wrong with an item id, if anything. Ids stand in JSON answers and in windows, so they have to be text of
/// bounded length.
func itemIdProblem(_ id: RawSpan) -> RowProblem? {
  guard id.byteCount > 0 else { return "the item is empty" }
  guard id.byteCount <= InteractionLogBuilder.itemIdBytesMax else { return "the item id is longer than 255 bytes" }
  let isText = id.withUnsafeBytes { raw in
    raw.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
      || (raw.allSatisfy { $0 >= 0x20 } && String(validating: raw, as: UTF8.self) != nil)
  }
  return isText ? nil : "the item id is not UTF-8 text"
}
