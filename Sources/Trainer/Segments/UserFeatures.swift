/// What users are told apart by.
///
/// | block | features | weight |
/// |---|---|---|
/// | taste | the user's factor row, length 1 | 1 |
/// | categories | √ of the share of each of the 24 most used categories | 1 |
/// | behaviour | log(1 + interactions), mean log-popularity of the items, log(1 + days since the last one) | 0.5 |
///
/// Every feature is standardised (mean 0, deviation 1) and cut at ±3 deviations, so that no unit and no oddity rules;
/// then each block is scaled so that its features together vary as its weight says: 64 factors do not outvote 3 numbers
/// of behaviour by being many. Roots of shares, because shares themselves have long tails.
struct UserFeatures {
  static let categoriesMax = 24
  static let deviationsMax = 3.0

  private let users: Int
  private var columns: [[Double]] = []

  /// `userVectors`: users × dimension.
  static func table(
    log: InteractionLog, items: [CatalogueItem], userVectors: [Float], dimension: Int
  ) -> PointTable {
    var features = UserFeatures(users: log.userCount)
    features.addBlock(tasteColumns(userVectors, dimension), weight: 1)
    features.addBlock(categoryColumns(log, items), weight: 1)
    features.addBlock(behaviourColumns(log), weight: 0.5)
    return features.table()
  }

  /// Taste alone, where factors are all that is known of users.
  static func taste(userVectors: [Float], dimension: Int) -> PointTable {
    var features = UserFeatures(users: userVectors.count / dimension)
    features.addBlock(tasteColumns(userVectors, dimension), weight: 1)
    return features.table()
  }

  init(users: Int) { self.users = users }

  /// Standardises the columns of a block and scales them to its weight. Columns that are the same for all fall away.
  mutating func addBlock(_ block: [[Double]], weight: Double) {
    let standardised = block.compactMap(Self.standardise)
    let scale = (weight / Double(max(1, standardised.count))).squareRoot()
    columns += standardised.map { $0.map { $0 * scale } }
  }

  func table() -> PointTable {
    let dimension = max(1, columns.count)
    var values = [Float](repeating: 0, count: users * dimension)
    for (place, column) in columns.enumerated() {
      for user in 0..<users { values[user * dimension + place] = Float(column[user]) }
    }
    return PointTable(dimension: dimension, values: values)
  }

  private static func standardise(_ column: [Double]) -> [Double]? {
    let mean = column.reduce(0, +) / Double(column.count)
    let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(column.count)
    guard variance > 1e-12 * max(1, mean * mean) else { return nil }
    let deviation = variance.squareRoot()
    return column.map { max(-deviationsMax, min(deviationsMax, ($0 - mean) / deviation)) }
  }

  // MARK: - Blocks

  private static func tasteColumns(_ vectors: [Float], _ dimension: Int) -> [[Double]] {
    let users = vectors.count / dimension
    var columns = [[Double]](repeating: [Double](repeating: 0, count: users), count: dimension)
    for user in 0..<users {
      let row = vectors[user * dimension..<(user + 1) * dimension]
      let length = row.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      guard length > 0 else { continue }
      for (place, value) in row.enumerated() { columns[place][user] = Double(value) / length }
    }
    return columns
  }

  private static func categoryColumns(_ log: InteractionLog, _ items: [CatalogueItem]) -> [[Double]] {
    var uses: [String: Double] = [:]
    for row in 0..<log.count where log.weights[row] > 0 {
      for category in items[Int(log.items[row])].categories { uses[category, default: 0] += 1 }
    }
    let used = uses.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(categoriesMax).map(\.key)
    let places = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
    let placesByItem = items.map { $0.categories.compactMap { places[$0] } }
    var columns = [[Double]](repeating: [Double](repeating: 0, count: log.userCount), count: used.count)
    var totals = [Double](repeating: 0, count: log.userCount)
    for row in 0..<log.count where log.weights[row] > 0 {
      let user = Int(log.users[row])
      for place in placesByItem[Int(log.items[row])] {
        columns[place][user] += 1
        totals[user] += 1
      }
    }
    for place in columns.indices {
      for user in totals.indices where totals[user] > 0 {
        columns[place][user] = (columns[place][user] / totals[user]).squareRoot()
      }
    }
    return columns
  }

  private static func behaviourColumns(_ log: InteractionLog) -> [[Double]] {
    var counts = [Double](repeating: 0, count: log.userCount)
    var popularities = [Double](repeating: 0, count: log.userCount)
    var last = [UInt32](repeating: 0, count: log.userCount)
    var itemCounts = [Double](repeating: 0, count: log.itemCount)
    for item in log.items { itemCounts[Int(item)] += 1 }
    let logPopularity = itemCounts.map { logarithm(1 + $0) }
    for row in 0..<log.count {
      let user = Int(log.users[row])
      counts[user] += 1
      popularities[user] += logPopularity[Int(log.items[row])]
      last[user] = max(last[user], log.times[row])
    }
    var columns = [
      counts.map { logarithm(1 + $0) },
      zip(popularities, counts).map { $1 > 0 ? $0 / $1 : 0 },
    ]
    if let end = log.timeSpan?.upperBound {
      columns.append(last.map { logarithm(1 + Double(end - min(end, $0)) / 86_400) })
    }
    return columns
  }
}
