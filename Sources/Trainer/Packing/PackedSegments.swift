internal import Model

/// Segments for factors that come without any.
enum PackedSegments {
  /// By k-means over directions of taste, as the trainer does it; it looks at categories and behaviour as well, which
  /// nobody tells us here.
  static func form(
    users: VectorTable, settings: SegmentSettings, progress: @escaping ProgressReceiver
  ) -> Segmentation {
    Segmenter(
      features: UserFeatures.taste(userVectors: users.values, dimension: users.dimension), settings: settings
    ).segment(userVectors: users.values, dimension: users.dimension, progress: progress)
  }

  /// Each user in the segment whose centroid points most nearly the same way.
  static func assign(users: VectorTable?, to centroids: VectorTable) -> Segmentation {
    let directions = normalised(centroids)
    var assignment: [UInt16] = []
    if let users {
      assignment = KMeans.assign(normalised(users), [Double](repeating: 1, count: users.rows), to: directions)
        .assignment.map { UInt16($0) }
    }
    var sizes = [Int](repeating: 0, count: centroids.rows)
    for segment in assignment { sizes[Int(segment)] += 1 }
    return Segmentation(
      assignment: assignment, sizes: sizes, centroids: centroids.values, silhouettes: [:],
      middle: UInt16(sizes.indices.max { (sizes[$0], $1) < (sizes[$1], $0) } ?? 0))
  }

  /// One segment, of everybody: the mean of the items, those that are popular more than others.
  static func single(items: VectorTable, popularity: [Float]) -> Segmentation {
    var centroid = [Double](repeating: 0, count: items.dimension)
    // Items without popularity count a little, so that a catalogue of such has a mean as well.
    let weights = popularity.map { Double($0) + 1e-3 }
    let total = weights.reduce(0, +)
    for row in 0..<items.rows {
      let weight = weights[row] / total
      for (place, value) in items.row(row).enumerated() { centroid[place] += weight * Double(value) }
    }
    return Segmentation(
      assignment: [], sizes: [0], centroids: centroid.map { Float($0) }, silhouettes: [:], middle: 0)
  }

  private static func normalised(_ table: VectorTable) -> PointTable {
    var values = table.values
    for (row, norm) in table.norms().enumerated() where norm > 0 {
      for place in row * table.dimension..<(row + 1) * table.dimension { values[place] /= norm }
    }
    return PointTable(dimension: table.dimension, values: values)
  }
}
