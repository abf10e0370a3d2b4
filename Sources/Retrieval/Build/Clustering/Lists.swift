/// The coarse level under construction: unit centroids and, for every item, its list.
///
/// Spherical k-means (Dhillon and Modha, 2001): L2 centroids of unequal norms attract everything. Three things make the
/// lists better than rounds of it from a random start would, at the same cost:
///
/// - After some rounds on a sample, rounds go over all items, but each item meets only the centroids near its own: 64
///   instead of thousands. Lists stop following the sample's noise.
/// - Between those rounds lists that hardly help are merged away and poor ones split (`Clustering+Relocation`): k-means
///   alone never leaves the neighbourhood where it began.
/// - Items of large norm weigh more (`ItemWeights`).
struct Lists {
  /// List-major. Unit vectors; zero for a list whose items are all zero.
  var centroids: [Float] = []
  var count: Int
  /// The list of each item.
  var assignment: [UInt32] = []

  /// Sampled items per list.
  static let sampleItems = 32
  static let sampleRounds = 4
  /// Rounds over all items.
  static let rounds = 6
  /// The last rounds settle and move no list.
  static let quietRounds = 2

  /// At most `wanted` lists, none of them empty. The same bytes at every number of threads and with all kernels.
  ///
  /// Takes about `(count + 128 × lists) × lists × dimension` products of bytes and half as much again, and beside the
  /// rows 24 bytes an item and 8 × lists × dimension floats.
  /// - Parameters:
  ///   - progress: called on this thread, every 100 ms or more often with vector kernels.
  ///   - threads: for tests; nil is one a core.
  static func cluster(
    _ rows: ExactRows, lists wanted: Int, seed: UInt64, kernels: Kernels, threads: Int? = nil,
    progress: IndexBuilder.Progress?
  ) -> Lists {
    precondition(wanted > 0)
    var random = SplitMix(seed: seed)
    let work = SharedWork(threads: threads, progress: progress)
    let clustering = Clustering(rows, lists: min(wanted, max(1, rows.count)), kernels: kernels, work: work)
    var sample = random.sample(min(rows.count, clustering.count * sampleItems), from: rows.count)
    sample.removeAll { clustering.weights[Int($0)] == 0 }
    clustering.start(at: sample)
    for round in 0..<sampleRounds where !sample.isEmpty {
      work.enter(.clustering, from: round, to: round + 1, of: sampleRounds)
      let near = clustering.nearest(sample)
      clustering.recenter(Members(of: near, items: sample, lists: clustering.count))
      clustering.restartEmpty(near, at: sample, &random)
    }
    let assignment = clustering.assignAll(&random)
    return Lists(clustering, assignment)
  }

  private init(_ clustering: Clustering, _ assignment: AlignedStorage<UInt32>) {
    count = clustering.count
    self.assignment = Array(assignment.buffer)
    centroids = Array(clustering.centroids.buffer)
    dropEmpty(dimension: clustering.rows.dimension)
  }

  /// A list without items would only be in the way.
  private mutating func dropEmpty(dimension: Int) {
    var place = [UInt32](repeating: .max, count: count)
    for list in assignment { place[Int(list)] = 0 }
    var kept: UInt32 = 0
    var centroids: [Float] = []
    centroids.reserveCapacity(self.centroids.count)
    for list in 0..<count where place[list] == 0 {
      place[list] = kept
      kept += 1
      centroids.append(contentsOf: self.centroids[list * dimension..<(list + 1) * dimension])
    }
    for item in assignment.indices { assignment[item] = place[Int(assignment[item])] }
    (self.centroids, count) = (centroids, Int(kept))
  }
}
