/// What implicit-feedback matrix factorisation is trained with; the letters are those of `ALS`'s loss.
public struct ALSSettings: Sendable, Codable, Equatable {
  /// d: numbers in a factor row.
  public var dimensions: Int = 64
  /// α₀: weight of every user-item cell, touched or not. Sparser data wants less.
  public var alpha0: Float = 0.01
  /// λ: strength of the regularisation.
  public var lambda: Float = 0.003
  /// ν: how regularisation grows with a row's number of entries. 1 won on every benchmark of "Revisiting iALS"
  /// (Rendle et al., RecSys 2022).
  public var nu: Float = 1
  /// Passes over users and items; a last half-step over the users follows.
  public var epochs: Int = 12
  public var seed: UInt64 = 1
  /// σ*: rows start as N(0, σ*² / d).
  public var initialScale: Float = 0.1
  /// 0: one per core.
  public var threads: Int = 0

  public init() {}
}

/// What training learns: a row of `dimension` numbers for each user and item; their dot product is the score.
public struct Factors: Sendable {
  /// users × dimension, row-major.
  public var users: [Float]
  /// items × dimension, row-major.
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
}
