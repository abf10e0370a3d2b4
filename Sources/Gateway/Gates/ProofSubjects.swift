import Bytes
import Model

/// Whose lists are compared: users and items that both snapshots know, drawn from the one that serves, because what it has
/// and the new one lacks is what would be lost.
///
/// The draw is seeded: the same two snapshots are always asked the same.
struct ProofSubjects {
  /// Drawn for the shares that are kept: a share of 1,000 is known to 3 % (two standard deviations at one half).
  static let drawnMax = 1_000

  var users: [UserHash] = []
  /// By their hashes.
  var items: [UInt64] = []
  var usersKept = GateFigures.Share()
  var itemsKept = GateFigures.Share()

  /// - Parameter live: what serves; without one the candidate's own.
  init(_ candidate: ServingModel, live: ServingModel?, samples: Int) {
    let source = live ?? candidate
    var random = ProofRandom(seed: UInt64(candidate.digest.prefix))
    let drawn = max(Self.drawnMax, samples)
    for row in random.rows(source.userCount, atMost: drawn) {
      let hash = source.userHash(at: row)
      usersKept.asked += 1
      guard candidate.user(hash) != nil else { continue }
      usersKept.found += 1
      if users.count < samples { users.append(hash) }
    }
    for row in random.rows(source.itemCount, atMost: drawn) {
      let hash = source.itemHash(UInt32(row))
      itemsKept.asked += 1
      guard candidate.item(hash: hash) != nil else { continue }
      itemsKept.found += 1
      if items.count < samples { items.append(hash) }
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same numbers on every machine.
struct ProofRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// Different rows below `count`, in random order: one from each of as many equal stretches.
  mutating func rows(_ count: Int, atMost limit: Int) -> [Int] {
    let wanted = min(count, limit)
    guard wanted > 0 else { return [] }
    var rows = (0..<wanted).map { Int.random(in: $0 * count / wanted..<($0 + 1) * count / wanted, using: &self) }
    rows.shuffle(using: &self)
    return rows
  }
}
