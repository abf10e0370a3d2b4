internal import CKernels

// Merging two lists and splitting another keeps the number of lists. What both would do to the sum of cosines is known
// beforehand, so only exchanges that gain are made.
extension Clustering {
  /// Exchanges in a round, as a share of the lists.
  static let relocatedShare = 0.15
  /// A split must gain this times what the merger costs: the cost is an upper bound, the gain is measured.
  static let gainMin: Float = 1.2
  /// Rounds of 2-means in a split.
  static let splitRounds = 4
  /// Lists below this are merged away and splits that would make one are refused: a block holds as many.
  static let itemsMin = tileVectors

  private struct Split {
    var gain: Float = 0
    var first: [Float] = []
    var second: [Float] = []
  }

  /// `members` must be those of the present centroids, `cosines` their sums.
  func relocate(_ members: Members, _ cosines: [Float], _ candidates: Candidates, _ seed: UInt64) {
    let limit = Int((Double(count) * Self.relocatedShare).rounded(.up))
    let donors = donors(members, cosines, 2 * limit)
    let floor = min(Self.itemsMin, members.items.count / count / 4)
    let splits = split(donors, members, cosines, floor: floor, seed)
    let costs = (0..<count).map { members.count($0) < floor ? 0 : costOfMerging($0, cosines[$0], candidates) }
    let byGain = donors.indices.sorted { (splits[$0].gain, donors[$1]) > (splits[$1].gain, donors[$0]) }
    var taken = [Bool](repeating: false, count: count)
    var victims = (0..<count).sorted { (costs[$0], $0) < (costs[$1], $1) }[...]
    for place in byGain.prefix(limit) where splits[place].gain > 0 && !taken[donors[place]] {
      let split = splits[place]
      taken[donors[place]] = true
      while let victim = victims.first, taken[victim] { victims.removeFirst() }
      guard let victim = victims.popFirst(), split.gain >= Self.gainMin * costs[victim] else { return }
      taken[victim] = true
      centroid(donors[place]).update(from: split.first, count: dimension)
      centroid(victim).update(from: split.second, count: dimension)
    }
  }

  /// The lists whose items' cosines lack the most.
  private func donors(_ members: Members, _ cosines: [Float], _ count: Int) -> [Int] {
    let lack = (0..<self.count).map { list in
      members.range(list).reduce(-cosines[list]) { sum, place in
        let item = Int(members.items.base[place])
        return sum + weights[item] * rows.norms[item]
      }
    }
    return Array((0..<self.count).sorted { (lack[$0], $1) > (lack[$1], $0) }.prefix(count))
  }

  /// At most: what the list's items lose when all of them go to the nearest other centroid. With S the sum of their
  /// unit vectors, S · c = |S| for their own centroid and |S| c · c' for the other. A list without a neighbour stays.
  private func costOfMerging(_ list: Int, _ cosines: Float, _ candidates: Candidates) -> Float {
    var nearest: Float = -.infinity
    for place in 0..<candidates.width where candidates.of(list)[place] != UInt32(list) {
      nearest = max(nearest, kernels.dot(centroid(list), centroid(Int(candidates.of(list)[place])), dimension))
    }
    return cosines * max(0, 1 - nearest)
  }

  private func split(
    _ donors: [Int], _ members: Members, _ cosines: [Float], floor: Int, _ seed: UInt64
  ) -> [Split] {
    let size = donors.count * dimension
    let (first, second) = (AlignedStorage<Float>(count: size), AlignedStorage<Float>(count: size))
    let gains = AlignedStorage<Float>(count: donors.count)
    let products = donors.reduce(0) { $0 + members.count($1) } * dimension * 2 * Self.valueProducts * Self.splitRounds
    work.perform(donors.count, products: products) { place in
      let list = donors[place]
      var random = SplitMix(seed: seed &+ UInt64(list))
      let halves = (first.base + place * dimension, second.base + place * dimension)
      let items = UnsafeBufferPointer(start: members.items.base + members.starts[list], count: members.count(list))
      guard items.count >= 2 * max(1, floor) else { return }
      let sum = halve(items, around: centroid(list), from: items[random.below(items.count)], floor, halves)
      gains.base[place] = sum - cosines[list]
    }
    return donors.indices.map { place in
      let range = place * dimension..<(place + 1) * dimension
      return Split(gain: gains.base[place], first: Array(first.buffer[range]), second: Array(second.buffer[range]))
    }
  }

  /// 2-means from the centroid moved a little towards an item and away from it. Returns the sum of cosines with the
  /// halves; zero when there are no two halves worth having.
  private func halve(
    _ items: UnsafeBufferPointer<UInt32>, around centroid: UnsafePointer<Float>, from item: UInt32, _ floor: Int,
    _ halves: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
  ) -> Float {
    let norm = rows.norms[Int(item)]
    guard norm > Search.smallestNorm else { return 0 }
    for index in 0..<dimension {
      let apart = (rows.row(Int(item))[index] / norm - centroid[index]) / 2
      halves.0[index] = centroid[index] - apart
      halves.1[index] = centroid[index] + apart
    }
    _ = (normalize(halves.0), normalize(halves.1))
    let pair = AlignedStorage<Float>(count: 2 * dimension)
    let lanes = AlignedStorage<UInt32>(count: items.count)
    var sum: Float = 0
    for _ in 0..<Self.splitRounds {
      pair.base.update(from: halves.0, count: dimension)
      (pair.base + dimension).update(from: halves.1, count: dimension)
      let tiles = CentroidTiles(pair.base, count: 2, dimension: dimension, kernels: kernels)
      let scales = tiles.contending
      var job = nt_assign_job(
        rows: rows.storage.base, dimension: dimension, items: items.baseAddress!, count: items.count,
        tiles: tiles.tiles.base, tile_count: 1, scales: scales.base)
      assignKernels.pointee.nearest(&job, lanes.base, nil)
      let parts = Members(of: lanes, items: Array(items), lists: 2)
      guard min(parts.count(0), parts.count(1)) >= max(1, floor) else { return 0 }
      sum = mean(parts.items.base, parts.count(0), halves.0)
      sum += mean(parts.items.base + parts.starts[1], parts.count(1), halves.1)
    }
    return sum
  }
}
