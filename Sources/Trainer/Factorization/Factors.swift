/// What training learns: a row of `dimension` numbers for each user and item; their dot product is the score.
public struct Factors: Sendable, Equatable {
  /// users × dimension, row-major. The row of a user without interactions is zero.
  public var users: [Float]
  /// items × dimension, row-major. The row of an item that nobody touched is zero.
  public var items: [Float]
  public var dimension: Int

  public var userCount: Int { users.count / dimension }
  public var itemCount: Int { items.count / dimension }

  public init(users: [Float], items: [Float], dimension: Int) {
    precondition(dimension > 0 && users.count % dimension == 0 && items.count % dimension == 0)
    self.users = users
    self.items = items
    self.dimension = dimension
  }

  public func user(_ index: Int) -> ArraySlice<Float> { users[index * dimension..<(index + 1) * dimension] }
  public func item(_ index: Int) -> ArraySlice<Float> { items[index * dimension..<(index + 1) * dimension] }

  public func score(user: Int, item: Int) -> Float {
    zip(self.user(user), self.item(item)).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// G = H'H over the items, dimension × dimension and symmetric: what fold-in needs of all items together.
  ///
  /// - Complexity: O(items × dimension²), on all cores.
  public func itemGram() -> [Float] {
    let table = FactorTable(rows: items, dimension: dimension)
    return Gram(of: table, threads: availableCores()).matrix.map(Float.init)
  }
}
