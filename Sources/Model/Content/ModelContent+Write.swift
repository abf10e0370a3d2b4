internal import Retrieval
internal import Snapshots

extension ModelContent {
  /// What is being written, and how much of that step is done, 0…1.
  public typealias Progress = (_ step: String, _ done: Double) -> Void

  /// Writes the snapshot file, durably and all at once: until it is whole, `path` does not change. The same content
  /// gives the same bytes.
  public func write(to path: String, progress: Progress? = nil) throws(ModelContentError) {
    progress?("checking", 0)
    try check()
    let built = try buildIndex(progress)
    progress?("writing", 0)
    var file = try ModelFile(path: path)
    try addItems(to: &file)
    try WithheldItems.write(withheldItems, to: &file)
    for (tag, section) in built.sections { try file.add(tag, section) }
    progress?("writing", 0.5)
    try addUsersAndSegments(to: &file)
    try FoldInTable.write(self, to: &file)
    try file.add(ModelTag.ranking) { (section) throws(ModelContentError) in
      try RankingTable.write(ranking, into: &section)
    }
    try file.add(ModelTag.probes) { (section) throws(ModelContentError) in
      try ProbeTable.write(queries: probes(), index: VectorIndex(built), into: &section)
    }
    try file.add(ModelTag.provenance) { (section) in ModelProvenance(self).write(into: &section) }
    try file.seal()
    progress?("writing", 1)
  }

  private func addItems(to file: inout ModelFile) throws(ModelContentError) {
    try file.add(ModelTag.head) { (section) in
      ModelHead(
        items: items.count, users: users.count, segments: segmentCount, dimension: dimension, metric: metric
      ).write(into: &section)
    }
    try file.add(ModelTag.ids) { (section) throws(ModelContentError) in try ItemIDs.write(items, into: &section) }
    try file.add(ModelTag.metadata) { (section) throws(ModelContentError) in
      try ItemMetadata.write(items, into: &section)
    }
    try file.add(ModelTag.categories) { (section) throws(ModelContentError) in
      try ItemCategories.write(items, into: &section)
    }
    try file.add(ModelTag.popularity) { (section) in section.column(items.map(\.popularity)) }
    try file.add(ModelTag.published) { (section) in section.column(items.map(\.publishedAt)) }
  }

  private func addUsersAndSegments(to file: inout ModelFile) throws(ModelContentError) {
    let order = users.indices.sorted { users[$0].hash < users[$1].hash }
    for (before, after) in zip(order, order.dropFirst()) where users[before].hash == users[after].hash {
      throw .invalid("user \(users[after].hash) stands twice, at \(before) and \(after)")
    }
    try UserTable.write(users, vectors: userVectors, dimension: dimension, order: order, to: &file)
    try SegmentTable.write(self, to: &file)
    try file.add(ModelTag.trending) { (section) throws(ModelContentError) in
      try TrendingLists.write(self, into: &section)
    }
  }

  /// Budgets of the search are set on queries such as users send.
  private func buildIndex(_ progress: Progress?) throws(ModelContentError) -> BuiltIndex {
    let calibration = users.isEmpty ? nil : sampledRows(userVectors, rows: users.count, atMost: 1_000)
    do throws(IndexBuildError) {
      return try IndexBuilder.build(
        vectors: itemVectors, count: items.count, dimension: dimension, metric: metric, seed: seed,
        calibration: calibration, progress: progress.map { progress in { progress($0.rawValue, $1) } })
    } catch { throw .invalid("\(error)") }
  }

  /// The given probes, or else some users, all small numbers of segments, and some items.
  private func probes() -> [Float] {
    guard probeQueries.isEmpty else { return Array(probeQueries.prefix(ProbeTable.queriesMax * dimension)) }
    return sampledRows(userVectors, rows: users.count, atMost: 64)
      + sampledRows(segmentCentroids, rows: segmentCount, atMost: 16)
      + sampledRows(itemVectors, rows: items.count, atMost: 16)
  }

  /// Rows at even distances.
  private func sampledRows(_ matrix: [Float], rows: Int, atMost limit: Int) -> [Float] {
    guard rows > limit else { return matrix }
    return (0..<limit).flatMap { place in
      let row = place * rows / limit
      return matrix[row * dimension..<(row + 1) * dimension]
    }
  }
}
