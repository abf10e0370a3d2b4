/// The loss of `ALS`, part by part. The parts should lie within orders of magnitude of each other; where one dwarfs the
/// rest, α₀ or λ is off.
public struct ALSLoss: Sendable, Equatable {
  /// L_S: Σ_S c (w·h − 1)².
  public let observed: Double
  /// L_all: α₀ Σ_all (w·h)².
  public let all: Double
  /// R: λ (Σ #u^ν |w|² + Σ #i^ν |h|²).
  public let regularization: Double

  public var total: Double { observed + all + regularization }

  /// - Complexity: O((entries + users + items) d + (users + items) d²); the cells are summed through the two Gram
  ///   matrices, never one by one.
  init(users: FactorTable, items: FactorTable, history: InteractionMatrix, settings: ALSSettings) {
    var observed = 0.0
    for user in 0..<history.userCount {
      for place in history.range(of: user) {
        let miss = dot(users.row(user), items.row(Int(history.columns[place])), users.dimension) - 1
        observed += Double(history.weights[place]) * miss * miss
      }
    }
    self.observed = observed

    let userGram = Gram(of: users, threads: availableCores()).matrix
    let itemGram = Gram(of: items, threads: availableCores()).matrix
    all = Double(settings.alpha0) * zip(userGram, itemGram).reduce(0) { $0 + $1.0 * $1.1 }

    let userShare = (0..<users.count).reduce(0.0) { sum, user in
      let entries = history.range(of: user).count
      return sum + norm(users, user) * Double(share(entries, items.count, settings))
    }
    let degrees = history.itemDegrees()
    regularization = (0..<items.count).reduce(userShare) { sum, item in
      sum + norm(items, item) * Double(share(degrees[item], users.count, settings))
    }
  }
}

private func share(_ entries: Int, _ others: Int, _ settings: ALSSettings) -> Float {
  regularization(entries: entries, others: others, settings: settings)
}

private func norm(_ table: FactorTable, _ row: Int) -> Double { dot(table.row(row), table.row(row), table.dimension) }

private func dot(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ count: Int) -> Double {
  var sum = 0.0
  for place in 0..<count { sum += Double(left[place]) * Double(right[place]) }
  return sum
}
