import TestSupport

@testable import Trainer

/// Small dense linear algebra in double, as plain as can be: what the kernels are checked against.
enum DenseOracle {
  /// Solves A x = b by elimination with row exchange. `a` is n × n, row-major.
  static func solve(_ a: [[Double]], _ b: [Double]) -> [Double] {
    var rows = zip(a, b).map { $0.0 + [$0.1] }
    let n = b.count
    for column in 0..<n {
      let pivot = (column..<n).max { abs(rows[$0][column]) < abs(rows[$1][column]) }!
      rows.swapAt(column, pivot)
      for row in 0..<n where row != column {
        let factor = rows[row][column] / rows[column][column]
        for place in column...n { rows[row][place] -= factor * rows[column][place] }
      }
    }
    return (0..<n).map { rows[$0][n] / rows[$0][$0] }
  }

  /// One user's row: (α₀ H'H + Σ c h h' + λ #^ν 1) w = Σ c h, over all of H.
  static func foldIn(
    items: [[Double]], entries: [(item: Int, weight: Double)], settings: ALSSettings
  ) -> [Double] {
    let d = items[0].count
    let support = Double(entries.count) + Double(settings.alpha0) * Double(items.count)
    var a = [[Double]](repeating: [Double](repeating: 0, count: d), count: d)
    var b = [Double](repeating: 0, count: d)
    for i in 0..<d { a[i][i] = Double(settings.lambda) * power(support, Double(settings.nu)) }
    func add(_ h: [Double], _ weight: Double) {
      for i in 0..<d { for j in 0..<d { a[i][j] += weight * h[i] * h[j] } }
    }
    for h in items { add(h, Double(settings.alpha0)) }
    for entry in entries {
      add(items[entry.item], entry.weight)
      for i in 0..<d { b[i] += entry.weight * items[entry.item][i] }
    }
    return solve(a, b)
  }

  /// ν is 0, 1 or 2 here.
  private static func power(_ base: Double, _ exponent: Double) -> Double {
    (0..<Int(exponent)).reduce(1) { product, _ in product * base }
  }
}

/// A random matrix with a taste: users of a group like items of the group.
func tastefulMatrix(users: Int, items: Int, groups: Int, seed: UInt64, weighted: Bool = false) -> InteractionMatrix {
  var random = SeededRandom(seed: seed)
  var entries: [(user: UInt32, item: UInt32, weight: Float)] = []
  for user in 0..<users {
    for item in 0..<items {
      let chance = user % groups == item % groups ? 0.5 : 0.03
      guard Double.random(in: 0..<1, using: &random) < chance else { continue }
      let weight = weighted ? Float.random(in: 0.2...4, using: &random) : 1
      entries.append((UInt32(user), UInt32(item), weight))
    }
  }
  return InteractionMatrix(userCount: users, itemCount: items, entries: entries)
}

func rows(_ flat: [Float], _ dimension: Int) -> [[Double]] {
  stride(from: 0, to: flat.count, by: dimension).map { flat[$0..<$0 + dimension].map(Double.init) }
}

/// The largest difference, against the largest number.
func relativeError(_ left: [Double], _ right: [Double]) -> Double {
  let scale = right.map(abs).max() ?? 0
  return zip(left, right).map { abs($0 - $1) }.max()! / max(scale, .leastNonzeroMagnitude)
}
