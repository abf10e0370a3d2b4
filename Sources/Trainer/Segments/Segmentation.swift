/// How users are sorted into segments.
public struct SegmentSettings: Sendable, Codable, Equatable {
  /// Exactly this many; nil to let the silhouette choose.
  public var count: Int?
  /// Between which numbers the silhouette chooses; nil for `SegmentSettings.range(users:)`.
  public var range: ClosedRange<Int>?
  public var seed: UInt64 = 1

  public init() {}

  /// A list per segment is only worth its place when some users share it, and two lists for everybody say little: a
  /// segment for every 25 users at most, at least four from 200 users on and eight from 2,000 on (where tastes have no
  /// gaps between them, as in Gowalla, the silhouette always likes the fewest). 64 bounds what precompute writes.
  public static func range(users: Int) -> ClosedRange<Int> {
    let most = max(1, min(64, users / 25))
    return min(users < 200 ? 2 : users < 2000 ? 4 : 8, most)...most
  }
}

/// Users sorted into segments, the largest first.
public struct Segmentation: Sendable, Equatable {
  /// The segment of each user.
  public let assignment: [UInt16]
  /// Users in each; descending.
  public let sizes: [Int]
  /// Segments × dimension in factor space: the query vector for who is known by segment only.
  public let centroids: [Float]
  /// Mean silhouette by number of segments, for those that were tried.
  public let silhouettes: [Int: Double]
  /// The segment whose centroid is nearest to the mean user: for who is not known at all.
  public let middle: UInt16

  public var count: Int { sizes.count }
}

/// Finds segments: k-means over standardised features, the number of segments where the silhouette is best.
public struct Segmenter {
  /// Numbers of segments are compared on a sample this large, and then formed on everybody: 5,000 users tell how many
  /// clusters there are as well as a million, and two starts tell it as well as four.
  static let searchSampleMax = 5000
  static let searchRestarts = 2
  /// Lists are made and stored for every segment, placement and context.
  static let segmentsMax = 4096
  /// k-means runs on at most this many users; the rest join the nearest centroid.
  static let clusteredMax = 200_000
  /// A number of segments that leaves one with less than this share of users is passed over: such a segment is a
  /// handful of odd users.
  static let smallestShareMin = 0.005

  let features: PointTable
  let settings: SegmentSettings

  init(features: PointTable, settings: SegmentSettings) {
    self.features = features
    self.settings = settings
  }

  /// `userVectors`: users × dimension factor rows, from which centroids are made.
  func segment(userVectors: [Float], dimension: Int, progress: ProgressReceiver) -> Segmentation {
    let (count, silhouettes) = chooseCount(progress)
    let passes = silhouettes.count + 1
    progress(TrainProgress(.segments, passes - 1, of: passes, "passes", note: "\(count) segments"))
    let clustering = cluster(count)
    let result = ordered(clustering, userVectors, dimension, silhouettes)
    progress(TrainProgress(.segments, passes, of: passes, "passes", note: "\(count) segments"))
    return result
  }

  /// The number of clusters with the best silhouette.
  func chooseCount(_ progress: ProgressReceiver) -> (count: Int, silhouettes: [Int: Double]) {
    if let given = settings.count { return (max(1, min(given, features.count)), [:]) }
    let range = settings.range ?? SegmentSettings.range(users: features.count)
    var random = SplitMix64(seed: settings.seed, purpose: 0x5E6)
    let sample = features.selecting(random.sample(Self.searchSampleMax, of: features.count))
    let silhouette = Silhouette(sample, seed: settings.seed)
    var silhouettes: [Int: Double] = [:]
    var best: (count: Int, mean: Double)?
    let candidates = Self.candidates(range).filter { $0 <= sample.count }
    for (done, candidate) in candidates.enumerated() {
      progress(TrainProgress(.segments, done, of: candidates.count + 1, "passes"))
      let clustering = KMeans(clusters: candidate, seed: settings.seed, restarts: Self.searchRestarts).cluster(sample)
      let mean = silhouette.mean(of: clustering)
      silhouettes[candidate] = mean
      let smallest = Double(clustering.sizes.min()!) / Double(sample.count)
      if smallest >= Self.smallestShareMin, mean > best?.mean ?? -.infinity { best = (candidate, mean) }
    }
    return (best?.count ?? candidates.first ?? 1, silhouettes)
  }

  /// Every number up to 12, then steps of about an eighth: silhouettes of 40 and 41 clusters hardly differ.
  static func candidates(_ range: ClosedRange<Int>) -> [Int] {
    var candidates: [Int] = []
    var next = max(1, range.lowerBound)
    while next <= range.upperBound {
      candidates.append(next)
      next += max(1, next / 8)
    }
    return candidates
  }

  private func cluster(_ count: Int) -> Clustering {
    guard features.count > Self.clusteredMax else {
      return KMeans(clusters: count, seed: settings.seed).cluster(features)
    }
    var random = SplitMix64(seed: settings.seed, purpose: 0xC1)
    let sample = features.selecting(random.sample(Self.clusteredMax, of: features.count))
    var clustering = KMeans(clusters: count, seed: settings.seed).cluster(sample)
    clustering.assignment = KMeans.assign(features, features.squaredNorms(), to: clustering.centroids).assignment
    return clustering
  }

  /// Numbers segments by size, so that segment 0 is the largest whatever the seed.
  private func ordered(
    _ clustering: Clustering, _ userVectors: [Float], _ dimension: Int, _ silhouettes: [Int: Double]
  ) -> Segmentation {
    let sizes = clustering.sizes
    let order = sizes.indices.filter { sizes[$0] > 0 }.sorted { (sizes[$0], $1) > (sizes[$1], $0) }
    var rank = [Int](repeating: 0, count: sizes.count)
    for (place, cluster) in order.enumerated() { rank[cluster] = place }
    let assignment = clustering.assignment.map { UInt16(rank[$0]) }
    let centroids = meanVectors(assignment, order.count, userVectors, dimension)
    let overall = meanVectors([UInt16](repeating: 0, count: assignment.count), 1, userVectors, dimension)
    let distances = (0..<order.count).map { segment in
      (0..<dimension).reduce(0.0) { sum, place in
        let difference = Double(centroids[segment * dimension + place] - overall[place])
        return sum + difference * difference
      }
    }
    return Segmentation(
      assignment: assignment, sizes: order.map { sizes[$0] }, centroids: centroids, silhouettes: silhouettes,
      middle: UInt16(distances.indices.min { distances[$0] < distances[$1] } ?? 0))
  }
}

/// The mean direction of the users of each group, as long as their rows are on average. Directions and not rows, so
/// that one who bought everything does not speak for all. Users without a vector do not count.
private func meanVectors(_ groups: [UInt16], _ groupCount: Int, _ vectors: [Float], _ dimension: Int) -> [Float] {
  var sums = [Double](repeating: 0, count: groupCount * dimension)
  var lengths = [Double](repeating: 0, count: groupCount)
  var members = [Double](repeating: 0, count: groupCount)
  for (user, group) in groups.enumerated() {
    let row = vectors[user * dimension..<(user + 1) * dimension]
    let length = row.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard length > 0 else { continue }
    members[Int(group)] += 1
    lengths[Int(group)] += length
    for (place, value) in row.enumerated() { sums[Int(group) * dimension + place] += Double(value) / length }
  }
  return sums.indices.map { index in
    let group = index / dimension
    // sum / members is the mean direction, lengths / members the mean length.
    return members[group] > 0 ? Float(sums[index] / members[group] * lengths[group] / members[group]) : 0
  }
}
