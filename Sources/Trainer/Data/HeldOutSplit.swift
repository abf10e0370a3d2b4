/// A log in two: what a model may learn from, and what it is asked to foretell.
///
/// With times the log is cut at one moment, as a shop meets its future: what happens from the cut on is the test. Where
/// too few users have a life on both sides of it (MovieLens' raters come for an evening and never again), each user's
/// own last items are held out instead; without times, a random part of each user's items.
///
/// A test holds only what can be foretold: positive interactions of users who have a positive one in training, with
/// items that they have not met there. Items may be new; that a model cannot know them is part of its result.
public struct HeldOutSplit: Sendable {
  public enum Kind: String, Sendable {
    case globalTime = "global-time"
    case userTime = "user-time"
    case userRandom = "user-random"
  }

  public let kind: Kind
  /// The first second of the test; nil for splits by user.
  public let cut: UInt32?
  public let train: InteractionLog
  public let test: InteractionLog
  /// Users with something to foretell.
  public let testUsers: Int

  /// How much of the log, or of each user's items, is held out.
  public static let defaultShare = 0.2
  /// A user with fewer items than this gives none away in a split by user.
  static let userItemsMin = 3

  /// A split by moment needs this many users on both sides, or its metrics are noise.
  static func testUsersMin(of users: Int) -> Int { max(20, users / 20) }

  /// nil where no user has enough for any split.
  public static func make(_ log: InteractionLog, share: Double = defaultShare, seed: UInt64) -> HeldOutSplit? {
    if let split = byMoment(log, share), split.testUsers >= testUsersMin(of: log.userCount) { return split }
    let split = byUser(log, share, seed: seed)
    return split.testUsers > 0 ? split : nil
  }

  /// The second half of what came after `known`, in rows: nothing of it can have been learnt from before. nil where too
  /// few users have something to foretell in it.
  static func after(_ known: UInt32, in log: InteractionLog) -> HeldOutSplit? {
    guard log.hasTimes, let first = log.times.firstIndex(where: { $0 > known }), first > 0 else { return nil }
    let cut = log.times[first + (log.count - first) / 2]
    let split = HeldOutSplit(kind: .globalTime, cut: cut, log: log) { log.times[$0] >= cut }
    return split.testUsers >= comparedUsersMin ? split : nil
  }

  /// Fewer users make a comparison of two models a matter of chance.
  static let comparedUsersMin = 20

  private init(kind: Kind, cut: UInt32?, log: InteractionLog, isTest: (Int) -> Bool) {
    self.kind = kind
    self.cut = cut
    let train = log.selecting((0..<log.count).filter { !isTest($0) })
    let known = KnownPairs(train)
    let test = log.selecting(
      (0..<log.count).filter { row in
        isTest(row) && log.weights[row] > 0 && known.canBeForetold(user: log.users[row], item: log.items[row])
      })
    self.train = train
    self.test = test
    testUsers = Set(test.users).count
  }

  // MARK: - By moment

  static func byMoment(_ log: InteractionLog, _ share: Double) -> HeldOutSplit? {
    guard log.hasTimes, log.count > 1 else { return nil }
    // Rows are in order of time; all of one second stay on one side.
    let cut = log.times[min(log.count - 1, Int(Double(log.count) * (1 - share)))]
    guard cut > log.times[0] else { return nil }
    return HeldOutSplit(kind: .globalTime, cut: cut, log: log) { log.times[$0] >= cut }
  }

  // MARK: - By user

  static func byUser(_ log: InteractionLog, _ share: Double, seed: UInt64) -> HeldOutSplit {
    var random = SplitMix64(seed: seed, purpose: 0x5917)
    var isTest = [Bool](repeating: false, count: log.count)
    let (offsets, rows) = log.rowsByUser()
    for user in 0..<log.userCount {
      let own = rows[offsets[user]..<offsets[user + 1]].map(Int.init)
      let heldOut = heldOutItems(of: own, log, share, &random)
      for row in own where heldOut.contains(log.items[row]) { isTest[row] = true }
    }
    return HeldOutSplit(kind: log.hasTimes ? .userTime : .userRandom, cut: nil, log: log) { isTest[$0] }
  }

  /// The user's last liked items, by their last interaction; random ones without times.
  private static func heldOutItems(
    of rows: [Int], _ log: InteractionLog, _ share: Double, _ random: inout SplitMix64
  ) -> Set<UInt32> {
    var items: [UInt32] = []
    var met: Set<UInt32> = []
    for row in rows.reversed() where log.weights[row] > 0 && met.insert(log.items[row]).inserted {
      items.append(log.items[row])
    }
    guard items.count >= userItemsMin else { return [] }
    if !log.hasTimes { random.shuffle(&items) }
    return Set(items.prefix(max(1, Int((Double(items.count) * share).rounded()))))
  }
}

/// Which users and pairs a training log knows.
private struct KnownPairs {
  private var pairs: Set<UInt64> = []
  private var hasLiked: [Bool]

  init(_ log: InteractionLog) {
    hasLiked = [Bool](repeating: false, count: log.userCount)
    pairs.reserveCapacity(log.count)
    for row in 0..<log.count {
      pairs.insert(UInt64(log.users[row]) << 32 | UInt64(log.items[row]))
      if log.weights[row] > 0 { hasLiked[Int(log.users[row])] = true }
    }
  }

  func canBeForetold(user: UInt32, item: UInt32) -> Bool {
    hasLiked[Int(user)] && !pairs.contains(UInt64(user) << 32 | UInt64(item))
  }
}
