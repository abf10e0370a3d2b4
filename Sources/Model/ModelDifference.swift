internal import Retrieval

/// What changed from one snapshot to another, for people: items by id, and where their vectors went.
public struct ModelDifference: Sendable, Equatable, Encodable {
  /// How vectors of the items in both moved.
  public struct Movement: Sendable, Equatable, Encodable {
    /// Vectors that are the same to the last bit.
    public var unmoved = 0
    /// Of the others and these: 1 for the same direction, -1 for the opposite one.
    public var cosineMean = 0.0
    /// Of a hundred items, one moved further than this and one in two.
    public var cosineOf1Percent = 0.0, cosineMedian = 0.0
    /// Of the differences' lengths, by the lengths before.
    public var distanceMean = 0.0
  }

  public let itemsBefore, itemsAfter, itemsInBoth: Int
  public let itemsAdded, itemsRemoved: Int
  /// The first of them, in the order of the files.
  public let added, removed: [String]
  public let usersBefore, usersAfter: Int
  public let segmentsBefore, segmentsAfter: Int
  public let dimensionBefore, dimensionAfter: Int
  public let metricBefore, metricAfter: String
  /// Nil when there is nothing to compare: no common items, or other dimensions.
  public let movement: Movement?

  /// Compares two models. O(items × dimension).
  ///
  /// - Parameter names: ids of items that came and went to keep, at most.
  public init(_ before: ServingModel, _ after: ServingModel, names: Int) {
    (itemsBefore, itemsAfter) = (before.itemCount, after.itemCount)
    (usersBefore, usersAfter) = (before.userCount, after.userCount)
    (segmentsBefore, segmentsAfter) = (before.segmentCount, after.segmentCount)
    (dimensionBefore, dimensionAfter) = (before.dimension, after.dimension)
    (metricBefore, metricAfter) = ("\(before.metric)", "\(after.metric)")
    let pairs = ModelDifference.pairs(before, after)
    itemsInBoth = pairs.count
    (itemsAdded, itemsRemoved) = (after.itemCount - pairs.count, before.itemCount - pairs.count)
    added = ModelDifference.missing(after, in: before, limit: itemsAdded > 0 ? names : 0)
    removed = ModelDifference.missing(before, in: after, limit: itemsRemoved > 0 ? names : 0)
    movement =
      before.dimension == after.dimension && !pairs.isEmpty ? ModelDifference.movement(before, after, pairs) : nil
  }

  private static func pairs(_ before: ServingModel, _ after: ServingModel) -> [(UInt32, UInt32)] {
    (0..<UInt32(before.itemCount)).compactMap { item in
      let id = before.itemID(item)
      return after.item(id: id).map { (item, $0) }
    }
  }

  private static func missing(_ model: ServingModel, in other: ServingModel, limit: Int) -> [String] {
    var ids: [String] = []
    for item in 0..<UInt32(model.itemCount) where ids.count < limit {
      let id = model.itemID(item)
      if other.item(id: id) == nil { ids.append(id.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }) }
    }
    return ids
  }

  private static func movement(
    _ before: ServingModel, _ after: ServingModel, _ pairs: [(UInt32, UInt32)]
  ) -> Movement {
    let (lefts, rights) = (before.index, after.index)
    var movement = Movement()
    var cosines: [Float] = []
    cosines.reserveCapacity(pairs.count)
    var distance = 0.0
    for (old, new) in pairs {
      let left = lefts.vector(of: old)
      let right = rights.vector(of: new)
      var (dot, leftSquare, rightSquare, gap) = (0.0, 0.0, 0.0, 0.0)
      for place in left.indices {
        let (l, r) = (Double(left[place]), Double(right[place]))
        dot += l * r
        leftSquare += l * l
        rightSquare += r * r
        gap += (l - r) * (l - r)
      }
      if gap == 0 { movement.unmoved += 1 }
      // A vector of length zero has no direction: it is where it was, or it is not.
      let lengths = (leftSquare * rightSquare).squareRoot()
      cosines.append(Float(lengths > 0 ? min(1, dot / lengths) : gap == 0 ? 1 : 0))
      distance += leftSquare > 0 ? (gap / leftSquare).squareRoot() : 0
    }
    cosines.sort()
    movement.cosineMean = cosines.reduce(0) { $0 + Double($1) } / Double(cosines.count)
    movement.cosineOf1Percent = Double(cosines[cosines.count / 100])
    movement.cosineMedian = Double(cosines[cosines.count / 2])
    movement.distanceMean = distance / Double(pairs.count)
    return movement
  }

  /// Some lines for people.
  public var lines: [String] {
    var lines = [
      "items     \(itemsBefore) -> \(itemsAfter): \(itemsAdded) added, \(itemsRemoved) removed, \(itemsInBoth) in both",
      "users     \(usersBefore) -> \(usersAfter); segments \(segmentsBefore) -> \(segmentsAfter)",
    ]
    if !added.isEmpty {
      lines.append("added     \(added.joined(separator: ", "))\(itemsAdded > added.count ? ", …" : "")")
    }
    if !removed.isEmpty {
      lines.append("removed   \(removed.joined(separator: ", "))\(itemsRemoved > removed.count ? ", …" : "")")
    }
    if dimensionBefore != dimensionAfter || metricBefore != metricAfter {
      lines.append("vectors   \(dimensionBefore) by \(metricBefore) -> \(dimensionAfter) by \(metricAfter)")
    }
    guard let movement else { return lines + ["vectors   cannot be compared"] }
    func rounded(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
    lines.append(
      "vectors   \(movement.unmoved) of \(itemsInBoth) unmoved; cosine \(rounded(movement.cosineMean)) in the mean, \(rounded(movement.cosineMedian)) in the median, below \(rounded(movement.cosineOf1Percent)) for one in a hundred; moved by \(rounded(movement.distanceMean)) of their length in the mean"
    )
    return lines
  }
}
