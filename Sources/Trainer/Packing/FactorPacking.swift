internal import Bytes
internal import FoundationEssentials
internal import Model

/// From factors that any trainer made to a snapshot that can be served.
///
/// What is not given is derived where that makes sense, and said so: segments by k-means, popularity by interactions
/// or the length of vectors, trends by popularity.
public enum FactorPacking {
  /// Reads, checks, derives and writes. The same files, options and seed give the same bytes. Nothing is left behind
  /// when it throws or is killed: the snapshot appears under its name when it is whole.
  ///
  /// Memory at the peak: some 1,000 bytes an item for its texts, twice its vector, and what the index needs.
  public static func run(
    _ options: PackOptions, progress: @escaping ProgressReceiver = { _ in }
  ) throws(TrainError) -> PackReport {
    try options.check()
    var packing = Packing(options: options, progress: progress)
    let content = try packing.content()
    let bytes = try packing.watch.timed(.writing) { () throws(TrainError) in
      try writeSnapshot(content, to: options.snapshotPath, progress: progress)
    }
    return PackReport(
      items: content.items.count, users: content.users.count, dimension: content.dimension,
      segmentSizes: packing.segmentSizes, notes: packing.notes, snapshotPath: options.snapshotPath,
      snapshotBytes: bytes, seconds: packing.watch.seconds, peakMegabytes: peakMemoryMegabytes())
  }
}

/// One packing on its way.
private struct Packing {
  let options: PackOptions
  let progress: ProgressReceiver
  let watch = Stopwatch()
  var notes: [String] = []
  var segmentSizes: [Int] = []

  mutating func content() throws(TrainError) -> ModelContent {
    let (items, itemRows, ids) = try readItems()
    let catalogue = try describe(items, itemRows, ids)
    let (users, userHashes) = try readUsers(dimension: items.dimension)
    let history = try readHistory(items: itemRows, users: userHashes)
    let popularity = popularity(catalogue, history, items)
    let segments = try segments(users, items, popularity)
    segmentSizes = segments.sizes
    var content = ModelContent(dimension: items.dimension, metric: options.metric, foldIn: foldIn(items))
    content.items = zip(catalogue.items, popularity).map { item, popularity in
      ModelContent.Item(
        id: item.id, title: item.title, categories: item.categories,
        metadata: item.metadata.map { (name: $0.name, value: $0.value) }, publishedAt: item.publishedAt,
        popularity: popularity)
    }
    content.itemVectors = items.values
    let seen = history?.seen(users: userHashes.count)
    content.users = userHashes.enumerated().map { row, hash in
      ModelContent.User(hash: hash, segment: segments.assignment[row], seen: seen?[row] ?? [])
    }
    content.userVectors = users?.values ?? []
    content.segmentCentroids = segments.centroids
    content.contextSegments = [("*", segments.middle)]
    try addTrending(to: &content, itemRows, history, segments)
    content.withheldItems = try withheld(itemRows)
    content.probeQueries = try probes(items, itemRows, users, userHashes)
    content.ranking = try ranking()
    content.provenance = provenance(items)
    content.identityKeyFingerprint = users == nil ? "" : options.identity?.fingerprint ?? ""
    content.seed = options.seed
    return content
  }

  // MARK: - Items

  private func readItems() throws(TrainError) -> (VectorTable, rows: [String: Int], ids: [String]) {
    try watch.timed(.vectors) { () throws(TrainError) in
      let items = try VectorTable.read(options.items, .items, progress)
      let ids = try ids(options.itemIds, items)
      return (items, try RowIds.places(ids, "item"), ids)
    }
  }

  private func ids(_ path: String?, _ vectors: VectorTable) throws(TrainError) -> [String] {
    if let path { return try RowIds.read(path, rows: vectors.rows, of: vectors.path) }
    return vectors.ids ?? RowIds.numbers(vectors.rows)
  }

  private mutating func describe(
    _ vectors: VectorTable, _ rows: [String: Int], _ ids: [String]
  ) throws(TrainError) -> PackedItems {
    var catalogue = PackedItems(ids: ids)
    guard let path = options.metadata else {
      notes.append("metadata: none is given; items are titled by their ids and have no categories")
      return catalogue
    }
    let (progress, shareMax) = (progress, options.brokenShareMax)
    let content = try watch.timed(.items) { () throws(TrainError) in
      let file = try InputFile(path: path)
      try file.requireText()
      return try ItemReader(path: path, brokenShareMax: shareMax, progress: progress).read(file)
    }
    try catalogue.describe(by: content.items, rows, path: path, vectors: vectors.path)
    let gaps = [
      (vectors.rows - catalogue.described, "items without any"),
      (catalogue.withoutVector, "of items without a vector, left out"),
      (content.broken.count, "broken rows"), (catalogue.leftOut, "values too long and left out"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    notes.append("metadata: of \(catalogue.described) items" + gaps.map { "; \($0)" }.joined())
    return catalogue
  }

  // MARK: - Users

  private func readUsers(dimension: Int) throws(TrainError) -> (VectorTable?, [UserHash]) {
    guard let path = options.users, let key = options.identity else { return (nil, []) }
    return try watch.timed(.vectors) { () throws(TrainError) in
      let users = try VectorTable.read(path, .users, progress)
      guard users.dimension == dimension else {
        throw TrainError(
          .badInput,
          "\(path) has vectors of \(users.dimension) numbers, \(options.items) of \(dimension); users and items must "
            + "come from one model")
      }
      let ids = try ids(options.userIds, users)
      _ = try RowIds.places(ids, "user")
      return (users, ids.map { key.hash($0.utf8.span.bytes) })
    }
  }

  private mutating func readHistory(items: [String: Int], users: [UserHash]) throws(TrainError) -> PackedHistory? {
    guard let path = options.interactions, let key = options.identity else {
      if !users.isEmpty { notes.append("history: no interactions are given; what users have met is shown again") }
      return nil
    }
    let progress = progress
    var data = DatasetOptions(interactions: path, identity: key)
    data.brokenShareMax = options.brokenShareMax
    let log = try watch.timed(.reading) { () throws(TrainError) in
      try DatasetSource(data).readInteractions(data, progress).0
    }
    let history = PackedHistory(log, items: items, users: users)
    guard history.knownUsers > 0, history.knownItems > 0 else {
      throw TrainError(
        .badInput,
        "\(path): of its \(log.userCount) users and \(log.itemCount) items, \(history.knownUsers) and "
          + "\(history.knownItems) have vectors; name the rows' ids with --user-ids and --item-ids")
    }
    notes.append(
      "history: \(history.interactions) interactions; \(history.knownUsers) of \(log.userCount) users and "
        + "\(history.knownItems) of \(log.itemCount) items in it have vectors")
    return history
  }

  // MARK: - What may have to be derived

  private mutating func popularity(
    _ catalogue: PackedItems, _ history: PackedHistory?, _ items: VectorTable
  ) -> [Float] {
    let popularity =
      if let (column, numbers) = catalogue.popularity { Popularity.of(column: column, numbers) } else if let history {
        Popularity.of(interactions: history.counts(items: items.rows))
      } else { Popularity.of(norms: items.norms()) }
    notes.append(popularity.source)
    return popularity.values
  }

  private mutating func segments(
    _ users: VectorTable?, _ items: VectorTable, _ popularity: [Float]
  ) throws(TrainError) -> Segmentation {
    if let path = options.centroids {
      let centroids = try VectorTable.read(path, .centroids, progress)
      guard centroids.dimension == items.dimension, centroids.rows <= Segmenter.segmentsMax else {
        throw TrainError(
          .badInput,
          "\(path) has \(centroids.rows) centroids of \(centroids.dimension) numbers; at most \(Segmenter.segmentsMax) "
            + "of \(items.dimension) are possible")
      }
      return PackedSegments.assign(users: users, to: centroids)
    }
    guard let users else {
      notes.append("segments: there are no users to form any from; one of everybody, at the mean of the popular items")
      return PackedSegments.single(items: items, popularity: popularity)
    }
    var settings = options.segments
    settings.seed = options.seed
    let (progress, formed) = (progress, settings)
    let segments = watch.timed(.segments) { PackedSegments.form(users: users, settings: formed, progress: progress) }
    notes.append(
      "segments: none are given; \(segments.count) formed by k-means over the users' vectors"
        + (settings.count == nil ? ", as many as suit the silhouette" : ""))
    return segments
  }

  private mutating func addTrending(
    to content: inout ModelContent, _ items: [String: Int], _ history: PackedHistory?, _ segments: Segmentation
  ) throws(TrainError) {
    if let path = options.trending {
      let file = try InputFile(path: path)
      try file.requireText()
      let lists = try TrendingReader(path: path, brokenShareMax: options.brokenShareMax)
        .read(file.bytes, items: items, segments: segments.count)
      (content.trendingGlobal, content.trendingBySegment) = (lists.global, lists.bySegment)
      if lists.unknown > 0 { notes.append("trending: \(lists.unknown) rows of items without a vector are left out") }
    } else if let history {
      (content.trendingGlobal, content.trendingBySegment) = history.trending(segments: segments)
      notes.append("trending: no lists are given; counted from the interactions, everywhere and by segment")
    } else {
      notes.append("trending: no lists are given; the most popular items stand in, the same for every segment")
    }
  }

  /// Ids of items that are not among the rows need not be withheld.
  private mutating func withheld(_ items: [String: Int]) throws(TrainError) -> [UInt32] {
    guard let path = options.withheld else { return [] }
    let ids = try RowIds.readLines(path)
    let rows = Set(ids.compactMap { items[$0] })
    guard rows.count < items.count else {
      throw TrainError(.badInput, "\(path) withholds every item; nothing would be left to show")
    }
    let unknown = ids.filter { items[$0] == nil }.count
    notes.append(
      "availability: \(rows.count) items are never shown" + (unknown == 0 ? "" : "; \(unknown) ids have no vector"))
    return rows.map { UInt32($0) }.sorted()
  }

  private mutating func probes(
    _ items: VectorTable, _ itemRows: [String: Int], _ users: VectorTable?, _ hashes: [UserHash]
  ) throws(TrainError) -> [Float] {
    guard let path = options.probes else { return [] }
    let probes = try PackedProbes.read(path)
    let key = options.identity
    let rows = probes.rows.contains { $0.userId != nil } ? Dictionary(zip(hashes, 0...)) { first, _ in first } : [:]
    let queries = try probes.queries(
      items: items, itemRows: itemRows, users: users,
      userRow: { id in key.flatMap { rows[$0.hash(id.utf8.span.bytes)] } }, metric: options.metric)
    let checked = probes.rows.filter { $0.expect != nil }.count
    notes.append("probes: \(probes.rows.count) are given; \(checked) answer as expected")
    return queries
  }

  private func ranking() throws(TrainError) -> [String: RankingWeights] {
    guard let path = options.ranking else { return TrainOptions.defaultRanking }
    let file = try InputFile(path: path)
    let text = file.bytes.withUnsafeBytes { Data($0) }
    let weights: [String: RankingWeights]
    do { weights = try JSONDecoder().decode([String: RankingWeights].self, from: text) } catch {
      throw TrainError(
        .badInput, "\(path) is no JSON object of placements and their weights, like {\"home\":{\"popularity\":0.2}}")
    }
    for (placement, weights) in weights.sorted(by: { $0.key < $1.key }) {
      do { try weights.validate() } catch { throw TrainError(.badInput, "\(path): \"\(placement)\": \(error)") }
    }
    return weights
  }

  private func foldIn(_ items: VectorTable) -> ModelContent.FoldInSettings {
    ModelContent.FoldInSettings(
      gram: items.gram(), alpha0: options.foldIn.alpha0, lambda: options.foldIn.lambda, nu: options.foldIn.nu,
      itemCount: items.rows)
  }

  private func provenance(_ items: VectorTable) -> [String: String] {
    var provenance = ["packed.items": String(items.rows), "seed": String(options.seed)]
    for note in notes {
      guard let colon = note.firstIndex(of: ":") else { continue }
      provenance["packed." + note[..<colon]] = String(note[note.index(after: colon)...].dropFirst())
    }
    return provenance
  }
}
