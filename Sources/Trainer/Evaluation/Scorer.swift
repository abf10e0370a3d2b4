import CFactorization

/// A model as the evaluator sees it: a score for every user and item, higher is better.
///
/// Asked for tiles from several threads at once. Items that a model cannot score get -infinity and are never
/// recommended.
public protocol Scorer: Sendable {
  var itemCount: Int { get }

  /// Writes the score of user `users[r]` for item `items.lowerBound + c` to `out[r * stride + c]`.
  ///
  /// `items` starts at a multiple of 16, and `stride` is at least its length rounded up to one: what stands between the
  /// two may be overwritten.
  func score(users: ArraySlice<UInt32>, items: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int)
}

/// The same list for everybody: most popular, trending, and the like.
public struct ListScorer: Scorer {
  private let scores: [Float]

  /// One score an item.
  public init(scores: [Float]) { self.scores = scores }

  /// Items by their number of distinct users.
  public static func mostPopular(_ train: InteractionMatrix) -> ListScorer {
    ListScorer(scores: train.itemDegrees().map(Float.init))
  }

  public var itemCount: Int { scores.count }

  public func score(users: ArraySlice<UInt32>, items: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int) {
    scores.withUnsafeBufferPointer { scores in
      for row in 0..<users.count {
        (out + row * stride).update(from: scores.baseAddress! + items.lowerBound, count: items.count)
      }
    }
  }
}

/// Dot products of factor rows.
public struct FactorScorer: Scorer {
  private let users: FactorTable
  /// Items in panels of 16: number k of panel p's items lies at `p.row[k * 16 ..< k * 16 + 16]`.
  private let panels: FactorTable
  public let itemCount: Int

  public init(_ factors: Factors) {
    users = FactorTable(rows: factors.users, dimension: factors.dimension)
    itemCount = factors.itemCount
    let lanes = Int(NT_LANES)
    panels = FactorTable(count: paddedToLanes(itemCount) / lanes, dimension: factors.dimension * lanes)
    factors.items.withUnsafeBufferPointer { items in
      for item in 0..<itemCount {
        let panel = panels.row(item / lanes) + item % lanes
        for place in 0..<factors.dimension { panel[place * lanes] = items[item * factors.dimension + place] }
      }
    }
  }

  public func score(
    users ids: ArraySlice<UInt32>, items: Range<Int>, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    // Rows side by side, so that the kernel walks one piece of memory: 16 KB for 64 users of 64 numbers.
    withUnsafeTemporaryAllocation(of: Float.self, capacity: ids.count * users.width) { rows in
      for (row, user) in ids.enumerated() {
        (rows.baseAddress! + row * users.width).initialize(from: users.row(Int(user)), count: users.width)
      }
      kernels.multiply(
        ids.count, users.dimension, rows.baseAddress!, users.width, items.count,
        panels.row(items.lowerBound / Int(NT_LANES)), out, stride)
    }
  }
}
