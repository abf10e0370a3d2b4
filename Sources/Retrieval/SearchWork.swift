internal import Glibc

/// How a search found its answer.
public struct SearchWork: Sendable, Equatable {
  public enum Path: String, Sendable {
    /// The whole of a small index.
    case flat
    /// The most promising blocks of a large one.
    case blocks
    /// Every allowed exact row.
    case rows
    /// The query is zero: every score is.
    case zero
  }

  public var path = Path.zero
  public var listsScored = 0
  public var blocksScanned = 0
  public var rowsRefined = 0
  public var rowsScored = 0
  /// Of centroids, codes and rows; what is small and always near is not counted.
  public var bytesTouched = 0
}

/// The steps of one search, in order.
public enum SearchStage: Int, Sendable, CaseIterable, CustomStringConvertible {
  /// Copy, norm, rotation, codes of the query.
  case prepare
  /// Score and rank the centroids.
  case centroids
  /// Rank the blocks of the best lists.
  case blocks
  /// The query's look-up table.
  case table
  /// Score the blocks' items by their first codes.
  case scan
  /// Score the best of those with the finer codes.
  case refine
  /// Score the best of those with exact rows, and sort.
  case rescore

  public var description: String {
    switch self {
    case .prepare: "prepare"
    case .centroids: "centroids"
    case .blocks: "blocks"
    case .table: "table"
    case .scan: "scan"
    case .refine: "refine"
    case .rescore: "rescore"
    }
  }
}

/// When each step of a search ended: for `index explain`. Off, it costs a branch a step.
struct StageClock {
  var isOn = false
  private var last: UInt64 = 0
  private(set) var nanoseconds: [UInt64] = Array(repeating: 0, count: SearchStage.allCases.count)

  mutating func begin() {
    guard isOn else { return }
    for place in nanoseconds.indices { nanoseconds[place] = 0 }
    last = Self.now
  }

  mutating func end(_ stage: SearchStage) {
    guard isOn else { return }
    let now = Self.now
    nanoseconds[stage.rawValue] += now - last
    last = now
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
