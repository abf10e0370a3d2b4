internal import CKernels

// Which centroid is nearest: of all, or of those near the item's present list.
extension Clustering {
  /// Rows in a piece of work: a multiple of every kernel's block.
  static let pieceRows = 240
  /// Centroids that an item meets in a round over all items. With 64 of 4,000 one item in 500 ends elsewhere than with
  /// the nearest of all, close calls of int8 included, and one in 2,500 by a cosine of more than 0.005.
  static let candidatesMax = 64

  /// The list of each of these items, or of all.
  func nearest(_ items: [UInt32]? = nil) -> AlignedStorage<UInt32> {
    let total = items?.count ?? rows.count
    let (tiles, near) = (tiles, AlignedStorage<UInt32>(count: total))
    let scales = tiles.contending
    let pieces = (total + Self.pieceRows - 1) / Self.pieceRows
    work.perform(pieces, products: total * tiles.scales.count * dimension) { piece in
      let first = piece * Self.pieceRows
      var job = nt_assign_job(
        rows: items == nil ? rows.row(first) : rows.row(0), dimension: dimension, items: nil,
        count: min(total - first, Self.pieceRows), tiles: tiles.tiles.base, tile_count: tiles.tileCount,
        scales: scales.base)
      guard let items else { return assignKernels.pointee.nearest(&job, near.base + first, nil) }
      items.withUnsafeBufferPointer {
        job.items = $0.baseAddress! + first
        assignKernels.pointee.nearest(&job, near.base + first, nil)
      }
    }
    return near
  }

  /// Assigns all items, then goes on with rounds over all of them.
  func assignAll(_ random: inout SplitMix) -> AlignedStorage<UInt32> {
    // The first assignment takes as long as the rounds.
    work.enter(.assigning, from: 0, to: 1, of: 2)
    let near = nearest()
    for round in 0..<Lists.rounds {
      work.enter(.assigning, from: Lists.rounds + round, to: Lists.rounds + round + 1, of: 2 * Lists.rounds)
      let members = Members(of: near, lists: count)
      let cosines = recenter(members)
      let anchors = AlignedStorage<Float>(count: centroids.count)
      anchors.base.update(from: centroids.base, count: centroids.count)
      if round < Lists.rounds - Lists.quietRounds {
        relocate(members, cosines, candidates(around: anchors), random.next())
      }
      // A list that was taken elsewhere has left its items behind: their candidates are still those around the old
      // place.
      reassign(members, candidates(around: anchors), near)
    }
    return near
  }

  struct Candidates {
    /// `width` lists for each list, ascending, so that ties go to the smallest.
    let lists: AlignedStorage<UInt32>
    let width: Int
    func of(_ list: Int) -> UnsafeMutablePointer<UInt32> { lists.base + list * width }
  }

  /// The centroids nearest to each of these places.
  func candidates(around anchors: AlignedStorage<Float>) -> Candidates {
    let tiles = tiles
    let width = min(count, Self.candidatesMax)
    let found = Candidates(lists: AlignedStorage(count: count * width), width: width)
    listwise(products: count * tiles.scales.count * (dimension + 64)) { list in
      let codes = AlignedStorage<Int8>(count: tiles.groups * 4)
      let sums = AlignedStorage<Int32>(count: tiles.scales.count)
      let room = count + Int(NT_KEY_SLACK)
      let (keys, spare) = (AlignedStorage<UInt64>(count: room), AlignedStorage<UInt64>(count: room))
      _ = kernels.quantize(anchors.base + list * dimension, dimension, padded: codes.count, into: codes.base)
      kernels.table.pointee.tiles_i8(codes.base, tiles.groups, tiles.tiles.base, tiles.tileCount, sums.base)
      nt_rank_lanes(codes.base, codes.count, sums.base, tiles.scales.base, count, keys.base)
      kernels.select(keys.base, count, keep: width, spare: spare.base)
      var nearest = UnsafeMutableBufferPointer(start: found.of(list), count: width)
      for place in 0..<width { nearest[place] = nt_key_id(keys.base[place]) }
      nearest.sort()
    }
    return found
  }

  /// Moves each item to the nearest of its list's candidates.
  private func reassign(_ members: Members, _ candidates: Candidates, _ near: AlignedStorage<UInt32>) {
    let (tiles, width) = (tiles, candidates.width)
    let products = members.items.count * dimension * (Retrieval.tileCount(width) * tileVectors + Self.valueProducts)
    listwise(products: products) { list in
      guard members.count(list) > 0 else { return }
      let (own, items) = (candidates.of(list), members.items.base + members.starts[list])
      let (gathered, scales) = gather(own, width, of: tiles)
      let lanes = AlignedStorage<UInt32>(count: members.count(list))
      var job = nt_assign_job(
        rows: rows.storage.base, dimension: dimension, items: items, count: lanes.count, tiles: gathered.base,
        tile_count: Retrieval.tileCount(width), scales: scales.base)
      assignKernels.pointee.nearest(&job, lanes.base, nil)
      for place in 0..<lanes.count { near.base[Int(items[place])] = own[Int(lanes.base[place])] }
    }
  }

  /// Tiles of only these lists.
  private func gather(
    _ lists: UnsafePointer<UInt32>, _ width: Int, of tiles: CentroidTiles
  ) -> (AlignedStorage<UInt8>, AlignedStorage<Float>) {
    let tileCount = Retrieval.tileCount(width)
    let gathered = AlignedStorage<UInt8>(count: tileCount * tiles.groups * 128)
    let scales = AlignedStorage<Float>(count: tileCount * tileVectors)
    nt_gather_lanes(tiles.tiles.base, tiles.groups, lists, width, gathered.base)
    for lane in 0..<scales.count { scales.base[lane] = lane < width ? tiles.scales.base[Int(lists[lane])] : .nan }
    return (gathered, scales)
  }
}
