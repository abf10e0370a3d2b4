/// Remembers event ids for at least an hour, so that an event sent twice counts once.
///
/// Two generations of hashes: the younger takes new ids, both are asked, and every hour the older is dropped. An id is
/// thus known for one to two hours. Full before its hour, a generation is dropped early and the ids of the oldest
/// events may be accepted again: bounded memory is worth more than a rare double.
///
/// Memory: 2 × `idsMax` hashes of 8 bytes in sets at most 3/4 full ≈ 2 × 1 Mi × 11 bytes = 22 MiB at the default.
public struct EventDeduplicator: Sendable {
  public static let generationSeconds: UInt32 = 3600

  private let idsMax: Int
  private var younger: Set<UInt64> = []
  private var older: Set<UInt64> = []
  private var startedAt: UInt32

  public init(now: UInt32, idsMax: Int = 1 << 20) {
    self.idsMax = idsMax
    startedAt = now
  }

  /// Whether an id, by its hash, is met for the first time; it is known from now on.
  public mutating func isNew(_ idHash: UInt64, now: UInt32) -> Bool {
    // A clock that was set back makes the generation live longer, never shorter.
    if now > startedAt && now - startedAt >= EventDeduplicator.generationSeconds || younger.count >= idsMax {
      older = younger
      younger = Set(minimumCapacity: older.count)
      startedAt = now
    }
    if older.contains(idHash) { return false }
    return younger.insert(idHash).inserted
  }
}
