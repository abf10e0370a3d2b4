/// How much of a user's window lies in each category: the newest event counts 1, each older one `decay` of the next.
///
/// Holds the categories of a window and no more; refilled per request without allocating.
public struct CategoryAffinity: Sendable {
  private var categories: [UInt32] = []
  private var weights: [Float] = []
  private var total: Float = 0
  private var eventWeight: Float = 1

  /// Ten events of up to three categories.
  static let usualCategories = 30
  public static let decay: Float = 0.8

  public init() {
    categories.reserveCapacity(Self.usualCategories)
    weights.reserveCapacity(Self.usualCategories)
  }

  public var isEmpty: Bool { categories.isEmpty }

  public mutating func removeAll() {
    categories.removeAll(keepingCapacity: true)
    weights.removeAll(keepingCapacity: true)
    (total, eventWeight) = (0, 1)
  }

  /// One event of the window, newest first, by the categories of its item.
  public mutating func add(_ itemCategories: Span<UInt32>) {
    for index in itemCategories.indices { add(itemCategories[index]) }
    total += eventWeight
    eventWeight *= Self.decay
  }

  private mutating func add(_ category: UInt32) {
    for index in categories.indices where categories[index] == category {
      weights[index] += eventWeight
      return
    }
    categories.append(category)
    weights.append(eventWeight)
  }

  /// 0…1: the weighted share of events in the item's best category. O(categories of both).
  public func score(_ itemCategories: Span<UInt32>) -> Float {
    guard total > 0 else { return 0 }
    var best: Float = 0
    for place in itemCategories.indices {
      for index in categories.indices where categories[index] == itemCategories[place] {
        best = max(best, weights[index])
      }
    }
    return min(best / total, 1)
  }
}
