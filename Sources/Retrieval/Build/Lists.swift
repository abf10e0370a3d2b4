internal import CKernels
internal import Dispatch

/// The coarse level under construction: unit centroids and, for every item, its list.
///
/// Spherical k-means (Dhillon and Modha, 2001) on a sample: L2 centroids of unequal norms attract everything.
struct Lists {
  var centroids: [Float] = []
  var count: Int
  /// The list of each item.
  var assignment: [UInt32] = []
  private let kernels: Kernels

  private init(count: Int, kernels: Kernels) {
    self.count = count
    self.kernels = kernels
  }

  static let rounds = 8
  /// Sampled items per list.
  static let sampleItems = 48

  static func cluster(
    _ rows: ExactRows, lists wanted: Int, seed: UInt64, kernels: Kernels, progress: IndexBuilder.Progress?
  ) -> Lists {
    var random = SplitMix(seed: seed)
    let sample = random.sample(min(rows.count, wanted * sampleItems), from: rows.count)
    var lists = Lists(count: wanted, kernels: kernels)
    for place in 0..<wanted { lists.append(direction: rows.row(Int(sample[place])), rows) }
    for round in 0..<rounds {
      progress?(.clustering, Double(round) / Double(rounds))
      let near = CentroidTiles(lists, dimension: rows.dimension, kernels: kernels).assign(sample, rows)
      lists.move(to: sample, near, rows, &random)
    }
    progress?(.assigning, 0)
    lists.assignment = CentroidTiles(lists, dimension: rows.dimension, kernels: kernels).assign(nil, rows)
    lists.dropEmpty(dimension: rows.dimension)
    return lists
  }

  private mutating func append(direction row: UnsafePointer<Float>, _ rows: ExactRows) {
    centroids.append(contentsOf: UnsafeBufferPointer(start: row, count: rows.dimension))
    normalize(count: centroids.count / rows.dimension - 1, rows.dimension)
  }

  private mutating func normalize(count list: Int, _ dimension: Int) {
    centroids.withUnsafeMutableBufferPointer {
      let row = $0.baseAddress! + list * dimension
      let norm = kernels.dot(row, row, dimension).squareRoot()
      if norm > Search.smallestNorm { nt_scale(row, 1 / norm, dimension, row) }
    }
  }

  /// Each centroid becomes the mean direction of its items; one that has none starts again at a random item.
  private mutating func move(to sample: [UInt32], _ near: [UInt32], _ rows: ExactRows, _ random: inout SplitMix) {
    let dimension = rows.dimension
    var sizes = [Int](repeating: 0, count: count)
    for index in centroids.indices { centroids[index] = 0 }
    centroids.withUnsafeMutableBufferPointer { sums in
      for (place, item) in sample.enumerated() {
        let (list, norm) = (Int(near[place]), rows.norms[Int(item)])
        guard norm > Search.smallestNorm else { continue }
        nt_add_scaled(sums.baseAddress! + list * dimension, rows.row(Int(item)), 1 / norm, dimension)
        sizes[list] += 1
      }
    }
    for list in 0..<count {
      if sizes[list] == 0 {
        let item = Int(sample[random.below(sample.count)])
        centroids.replaceSubrange(
          list * dimension..<(list + 1) * dimension, with: UnsafeBufferPointer(start: rows.row(item), count: dimension))
      }
      normalize(count: list, dimension)
    }
  }

  /// A list without items would only be in the way.
  private mutating func dropEmpty(dimension: Int) {
    var sizes = [Int](repeating: 0, count: count)
    for list in assignment { sizes[Int(list)] += 1 }
    var place = [UInt32](repeating: 0, count: count)
    var kept: [Float] = []
    var keptCount = 0
    for list in 0..<count where sizes[list] > 0 {
      place[list] = UInt32(keptCount)
      keptCount += 1
      kept.append(contentsOf: centroids[list * dimension..<(list + 1) * dimension])
    }
    for item in assignment.indices { assignment[item] = place[Int(assignment[item])] }
    (centroids, count) = (kept, keptCount)
  }
}

/// Unit centroids as int8 tiles: what the search scores, and what assigns items while building. int8 is enough for both,
/// since integers are exact it is the same everywhere, and it is four times faster than floats.
struct CentroidTiles {
  let tiles: AlignedStorage<UInt8>
  let scales: AlignedStorage<Float>
  let count: Int
  let dimension: Int
  let kernels: Kernels
  private var groups: Int { (dimension + 3) / 4 }

  init(_ lists: Lists, dimension: Int, kernels: Kernels) {
    count = lists.count
    self.dimension = dimension
    self.kernels = kernels
    let groups = (dimension + 3) / 4
    tiles = AlignedStorage(count: tileCount(count) * groups * 128)
    scales = AlignedStorage(count: tileCount(count) * tileVectors)
    // Lanes without a centroid hold the code of zero.
    tiles.base.update(repeating: 128, count: tiles.count)
    var codes = [Int8](repeating: 0, count: groups * 4)
    lists.centroids.withUnsafeBufferPointer { centroids in
      for list in 0..<lists.count {
        scales[list] = kernels.quantize(
          centroids.baseAddress! + list * dimension, dimension, padded: codes.count, into: &codes)
        nt_pack(codes, groups, list % tileVectors, tiles.base + list / tileVectors * groups * 128)
      }
    }
  }

  /// The nearest centroid of each of these items, or of all. Threads share the work and not the result.
  func assign(_ items: [UInt32]?, _ rows: ExactRows) -> [UInt32] {
    let total = items?.count ?? rows.count
    let chunk = 4096
    let result = AlignedStorage<UInt32>(count: total)
    DispatchQueue.concurrentPerform(iterations: (total + chunk - 1) / chunk) { index in
      assign(items, rows, index * chunk..<min(total, (index + 1) * chunk), result)
    }
    return Array(result.buffer)
  }

  private func assign(_ items: [UInt32]?, _ rows: ExactRows, _ range: Range<Int>, _ result: AlignedStorage<UInt32>) {
    let table = kernels.table
    let tileCount = tileCount(count)
    let codes = AlignedStorage<Int8>(count: groups * 4)
    let sums = AlignedStorage<Int32>(count: tileCount * tileVectors)
    for place in range {
      let item = items.map { Int($0[place]) } ?? place
      _ = kernels.quantize(rows.row(item), dimension, padded: groups * 4, into: codes.base)
      table.pointee.tiles_i8(codes.base, groups, tiles.base, tileCount, sums.base)
      result.base[place] = UInt32(
        table.pointee.best_i32(sums.base, 128 * sum(codes.base, groups * 4), scales.base, count))
    }
  }
}
