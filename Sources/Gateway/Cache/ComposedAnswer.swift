import Bytes

/// An answer that was composed before, kept whole in the first cache for the next request with the same target.
///
/// What a GET without a body is answered with is a function of its target, the snapshot, the user's window and one list.
/// As long as the window and the list are the very entries that the answer was composed from, and fresh, nothing has to
/// be parsed, looked up or sliced again: the head's times and the last characters of the recommendation id are all that
/// is new. This is what makes a hit cost what the kernel costs.
///
///     u32 generation  i32 list  u32 stamp  i32 window  u32 stamp  u32 createdAt  u32 freshFor  u32 idOffset
///     u16 placement  u8 reason  u8 source  u8 isPersonal  u8 row  2 × 0   bytes: the head from its fixed part on, and the body
///
/// The key is a keyed hash of the target, since a target names its user: raw ids stay out of everything that is kept.
/// 96 bits under a key of the process that nobody outside has seen: no two targets share one.
enum ComposedAnswer {
  /// One entry of the first cache, as it was when it was used.
  struct Entry: Equatable {
    var index = L1Cache.none
    var stamp: UInt32 = 0
  }

  /// The entries that an answer rests on.
  struct Ground: Equatable {
    var list = Entry()
    /// Of the user; none when the question names no user.
    var window = Entry()
    /// The window came from elsewhere than the first cache.
    var isWindowForeign = false

    var isFirm: Bool { list.index != L1Cache.none && !isWindowForeign }
  }

  struct Head: BitwiseCopyable {
    var generation: UInt32
    var listIndex: Int32
    var listStamp: UInt32
    var windowIndex: Int32
    var windowStamp: UInt32
    var createdAt: UInt32
    /// Seconds from `createdAt` on.
    var freshSeconds: UInt32
    /// Where the id's random characters stand in the bytes.
    var randomOffset: UInt32
    var placement: UInt16
    /// `FallbackReason` and `Fallback.Source`; `noFallback` for none.
    var reason: UInt8
    var source: UInt8
    var isPersonal: UInt8
    /// Where the version that answered is counted.
    var row: UInt8
    var unused: (UInt8, UInt8) = (0, 0)
  }

  static let headBytes = MemoryLayout<Head>.size
  static let noFallback: UInt8 = 0xFF
}

/// Which targets have been seen before: only an answer that was asked for twice is worth its place in the cache.
///
/// Fingerprints in buckets of four, the newest first (a doorkeeper, after TinyLFU, Einziger et al., ACM TOS 2017): 2,048
/// buckets × 8 bytes = 16 KiB a worker. A fifth newcomer drives the oldest out, so what is asked for once in a long while
/// never gets in; of 1,000 targets that come in turn, each gets in (five in one bucket: once in 10⁴).
struct Doorkeeper: ~Copyable {
  static let bucketCount = 2_048
  private let buckets: UnsafeMutablePointer<UInt64>

  init() {
    buckets = .allocate(capacity: Doorkeeper.bucketCount)
    buckets.initialize(repeating: 0, count: Doorkeeper.bucketCount)
  }

  deinit { buckets.deallocate() }

  /// Whether this hash has come before and not been driven out. It has come from now on.
  mutating func admits(_ hash: UInt64) -> Bool {
    let place = Int(truncatingIfNeeded: hash) & (Doorkeeper.bucketCount - 1)
    let print = hash >> 48 | 1
    let bucket = buckets[place]
    for lane: UInt64 in 0..<4 where bucket >> (16 * lane) & 0xFFFF == print { return true }
    buckets[place] = bucket << 16 | print
    return false
  }
}
