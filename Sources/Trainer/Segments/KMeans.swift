/// Points sorted into clusters around centroids.
struct Clustering {
  /// The cluster of each point.
  var assignment: [Int]
  var centroids: PointTable
  /// Sum of squared distances of the points to their centroids: what k-means makes small.
  var inertia: Double

  var clusterCount: Int { centroids.count }

  var sizes: [Int] { assignment.reduce(into: [Int](repeating: 0, count: clusterCount)) { $0[$1] += 1 } }
}

/// k-means: Lloyd's iteration from k-means++ starts (Arthur and Vassilvitskii, SODA 2007), the best of some restarts.
///
/// Deterministic for a seed. Centroids are means summed in double. A cluster that loses all its points restarts on the
/// point farthest from its centroid, so there are always as many clusters as asked for (given as many distinct points).
struct KMeans {
  var clusters: Int
  var seed: UInt64
  var restarts = 4
  /// Lloyd ends by itself when no point moves; on real users that is mostly within 30 rounds.
  var iterationsMax = 60

  /// - Complexity: O(points × clusters × dimension) a round.
  func cluster(_ points: PointTable) -> Clustering {
    precondition(clusters > 0 && clusters <= points.count)
    let norms = points.squaredNorms()
    return (0..<restarts).map { restart in
      var random = SplitMix64(seed: seed, purpose: UInt64(clusters) << 32 | UInt64(restart))
      return lloyd(points, norms, from: start(points, norms, &random))
    }.min { $0.inertia < $1.inertia }!
  }

  /// Assigns points to given centroids.
  static func assign(_ points: PointTable, _ norms: [Double], to centroids: PointTable) -> (
    assignment: [Int], distances: [Double]
  ) {
    let centroidNorms = centroids.squaredNorms()
    var assignment = [Int](repeating: 0, count: points.count)
    var distances = [Double](repeating: 0, count: points.count)
    points.forEachTile(dotProductsWith: centroids) { rows, products, stride in
      for row in rows {
        let (cluster, distance) = nearest(centroidNorms, products + (row - rows.lowerBound) * stride)
        assignment[row] = cluster
        distances[row] = max(0, distance + norms[row])
      }
    }
    return (assignment, distances)
  }

  /// The least of |c|² − 2 x·c, which orders centroids as their distances to x do.
  private static func nearest(_ norms: [Double], _ products: UnsafePointer<Float>) -> (cluster: Int, distance: Double) {
    norms.withUnsafeBufferPointer { norms in
      var best = 0
      var bestDistance = Double.infinity
      var cluster = 0
      while cluster < norms.count {
        let distance = norms[cluster] - 2 * Double(products[cluster])
        if distance < bestDistance {
          bestDistance = distance
          best = cluster
        }
        cluster += 1
      }
      return (best, bestDistance)
    }
  }

  private func lloyd(_ points: PointTable, _ norms: [Double], from start: PointTable) -> Clustering {
    var centroids = start
    var (assignment, distances) = Self.assign(points, norms, to: centroids)
    for _ in 0..<iterationsMax {
      centroids = means(points, assignment, distances)
      let (next, nextDistances) = Self.assign(points, norms, to: centroids)
      let isSettled = next == assignment
      (assignment, distances) = (next, nextDistances)
      if isSettled { break }
    }
    return Clustering(assignment: assignment, centroids: centroids, inertia: distances.reduce(0, +))
  }

  private func means(_ points: PointTable, _ assignment: [Int], _ distances: [Double]) -> PointTable {
    let dimension = points.dimension
    var sums = [Double](repeating: 0, count: clusters * dimension)
    var sizes = [Int](repeating: 0, count: clusters)
    for point in 0..<points.count {
      let cluster = assignment[point]
      sizes[cluster] += 1
      sums.withUnsafeMutableBufferPointer { sums in
        let row = points.table.row(point)
        let sum = sums.baseAddress! + cluster * dimension
        var place = 0
        while place < dimension {
          sum[place] += Double(row[place])
          place += 1
        }
      }
    }
    var farthest = distances.indices.sorted { (distances[$0], $1) > (distances[$1], $0) }[...]
    var means = [Float](repeating: 0, count: sums.count)
    for cluster in 0..<clusters {
      if sizes[cluster] > 0 {
        for place in cluster * dimension..<(cluster + 1) * dimension {
          means[place] = Float(sums[place] / Double(sizes[cluster]))
        }
      } else {
        means.replaceSubrange(cluster * dimension..<(cluster + 1) * dimension, with: points.row(farthest.removeFirst()))
      }
    }
    return PointTable(dimension: dimension, values: means)
  }

  /// k-means++: each further start is drawn with a chance proportional to its squared distance to the nearest one so
  /// far.
  private func start(_ points: PointTable, _ norms: [Double], _ random: inout SplitMix64) -> PointTable {
    var chosen = [random.below(points.count)]
    var nearest = [Double](repeating: .infinity, count: points.count)
    while chosen.count < clusters {
      let distances = Self.assign(points, norms, to: points.selecting([chosen.last!])).distances
      for point in 0..<points.count { nearest[point] = min(nearest[point], distances[point]) }
      chosen.append(draw(nearest, &random))
    }
    return points.selecting(chosen)
  }

  private func draw(_ weights: [Double], _ random: inout SplitMix64) -> Int {
    let total = weights.reduce(0, +)
    guard total > 0 else { return random.below(weights.count) }  // Fewer distinct points than clusters.
    var left = random.unit() * total
    for (point, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return point }
    }
    return weights.lastIndex { $0 > 0 }!
  }
}
