import CFactorization

/// Scores a model on a held-out split by full ranking: every item is a candidate but those the user has been seen with;
/// users without test items are skipped; equal scores rank by item.
public struct Evaluator: Sendable {
  public static let usualCutoffs = [10, 20, 50]

  /// A tile of 64 users × 1024 items: 256 KB of scores, read back while they still lie in L2.
  private static let tileUsers = 64
  private static let tileItems = 1024

  public let cutoffs: [Int]
  private let seen: InteractionMatrix
  private let test: InteractionMatrix
  private let users: [UInt32]
  private let threads: Int

  /// - Parameters:
  ///   - seen: interactions never recommended again: the training part, and the validation part after a refit on it.
  ///   - test: of the same shape as `seen`.
  ///   - usersMax: evaluate at most this many users, evenly spread over all (for searches); nil for all.
  ///   - threads: 0 for one per core. No number of them changes a result.
  public init(
    seen: InteractionMatrix, test: InteractionMatrix, cutoffs: [Int] = Evaluator.usualCutoffs, usersMax: Int? = nil,
    threads: Int = 0
  ) {
    precondition(seen.userCount == test.userCount && seen.itemCount == test.itemCount)
    precondition(!cutoffs.isEmpty && cutoffs.allSatisfy { $0 > 0 })
    self.seen = seen
    self.test = test
    self.cutoffs = cutoffs
    self.threads = threads > 0 ? threads : availableCores()
    let all = (0..<test.userCount).filter { !test.range(of: $0).isEmpty }.map(UInt32.init)
    let kept = min(usersMax ?? all.count, all.count)
    users = (0..<kept).map { all[$0 * all.count / kept] }
  }

  public var userCount: Int { users.count }

  /// - Complexity: users × items scores. `progress` gets the number of users done, on the caller's thread.
  public func evaluate(_ scorer: some Scorer, progress: (Int) -> Void = { _ in }) -> Evaluation {
    precondition(scorer.itemCount == seen.itemCount)
    let deepest = min(cutoffs.max()!, seen.itemCount)
    let batches = (users.count + Self.tileUsers - 1) / Self.tileUsers
    let sums = BatchSums(batches: batches)
    let boards = forEachChunk(
      of: users.count, chunk: Self.tileUsers, threads: threads,
      scratch: { [itemCount = seen.itemCount, cutoffs] in
        Board(itemCount: itemCount, cutoffs: cutoffs, depth: deepest, users: Self.tileUsers, tile: Self.tileItems)
      }, progress: progress
    ) { [self] board, range in
      rank(users[range], scorer, board)
      sums.values[range.lowerBound / Self.tileUsers] = score(users[range], board)
    }
    let means = (0..<cutoffs.count).map { index in
      var mean = sums.values.reduce(into: RankingMetrics(cutoff: cutoffs[index])) { $0 += $1[index] }
        .divided(by: users.count)
      let covered = (0..<seen.itemCount).count { item in boards.contains { $0.recommended[index][item] } }
      mean.coverage = seen.itemCount == 0 ? 0 : Double(covered) / Double(seen.itemCount)
      return mean
    }
    return Evaluation(userCount: users.count, metrics: means)
  }

  /// Fills the board with the best items of each user.
  private func rank(_ batch: ArraySlice<UInt32>, _ scorer: some Scorer, _ board: Board) {
    board.held.update(repeating: 0, count: batch.count)
    for start in stride(from: 0, to: seen.itemCount, by: Self.tileItems) {
      let items = start..<min(start + Self.tileItems, seen.itemCount)
      scorer.score(users: batch, items: items, into: board.scores, stride: Self.tileItems)
      for (row, user) in batch.enumerated() {
        let scores = board.scores + row * Self.tileItems
        mask(Int(user), items, scores)
        kernels.offer(
          items.count, scores, UInt32(start), board.depth, board.topScores + row * board.depth,
          board.topItems + row * board.depth, board.held + row)
      }
    }
  }

  private func mask(_ user: Int, _ items: Range<Int>, _ scores: UnsafeMutablePointer<Float>) {
    seen.columns.withUnsafeBufferPointer { columns in
      let row = UnsafeBufferPointer(rebasing: columns[seen.range(of: user)])
      // By halving: a long history is not read again from its start for each tile.
      for place in lowerBound(of: UInt32(items.lowerBound), in: row)..<row.count {
        guard row[place] < items.upperBound else { break }
        scores[Int(row[place]) - items.lowerBound] = -.infinity
      }
    }
  }

  /// Sums the metrics of a batch, in the order of its users.
  private func score(_ batch: ArraySlice<UInt32>, _ board: Board) -> [RankingMetrics] {
    var sums = cutoffs.map(RankingMetrics.init(cutoff:))
    for (row, user) in batch.enumerated() {
      let ranked = UnsafeBufferPointer(start: board.topItems + row * board.depth, count: board.held[row])
      let relevant = test.row(Int(user)).columns
      for (index, cutoff) in cutoffs.enumerated() {
        sums[index] += RankingMetrics(cutoff: cutoff, ranked: ranked, relevant: relevant)
        for item in ranked.prefix(cutoff) { board.recommended[index][Int(item)] = true }
      }
    }
    return sums
  }
}

/// What one thread ranks on.
private final class Board: @unchecked Sendable {
  let depth: Int
  let scores: UnsafeMutablePointer<Float>
  let topScores: UnsafeMutablePointer<Float>
  let topItems: UnsafeMutablePointer<UInt32>
  let held: UnsafeMutablePointer<Int>
  /// By cutoff: was the item recommended to anybody?
  var recommended: [[Bool]]

  init(itemCount: Int, cutoffs: [Int], depth: Int, users: Int, tile: Int) {
    self.depth = depth
    scores = allocateFloats(users * tile)
    topScores = allocateFloats(users * depth)
    topItems = .allocate(capacity: max(users * depth, 1))
    held = .allocate(capacity: users)
    recommended = cutoffs.map { _ in [Bool](repeating: false, count: itemCount) }
  }

  deinit {
    scores.deallocate()
    topScores.deallocate()
    topItems.deallocate()
    held.deallocate()
  }
}

/// A slot a batch, each written by one thread; summed in order after all threads are done, so that the mean does not
/// depend on who did what.
private final class BatchSums: @unchecked Sendable {
  let values: UnsafeMutableBufferPointer<[RankingMetrics]>

  init(batches: Int) {
    values = .allocate(capacity: batches)
    values.initialize(repeating: [])
  }

  deinit {
    values.deinitialize()
    values.deallocate()
  }
}

/// What a model scored on a split.
public struct Evaluation: Sendable, Equatable {
  /// Users with test items that were ranked for.
  public let userCount: Int
  /// One per cutoff.
  public let metrics: [RankingMetrics]

  /// The metrics at a cutoff that was asked for.
  public func at(_ cutoff: Int) -> RankingMetrics { metrics.first { $0.cutoff == cutoff }! }
}
