internal import Bytes
internal import Model

/// All that a run learnt, on its way into a snapshot.
struct TrainedModel {
  let data: Dataset
  let options: TrainOptions
  let settings: ALSSettings
  let factors: Factors
  let segments: Segmentation
  let trending: Trending
  let split: HeldOutSplit?
  let models: [TrainReport.ModelMetrics]

  /// The last second of the data: what a later model is measured on comes after it (`Incumbent`).
  static let knownUntilKey = "data.until"

  func content() -> ModelContent {
    let pairs = data.log.merged()
    let degrees = matrix(pairs).itemDegrees()
    var content = ModelContent(
      dimension: factors.dimension, metric: .dot,
      // Before untouched items get their stand-in rows: they had none when the factors were trained.
      foldIn: ModelContent.FoldInSettings(
        gram: factors.itemGram(), alpha0: settings.alpha0, lambda: settings.lambda, nu: settings.nu,
        itemCount: factors.itemCount))
    content.items = items(degrees)
    content.itemVectors = factors.items
    let filled = ColdItems.fill(
      &content.itemVectors, dimension: factors.dimension, items: data.items, degrees: degrees)
    content.users = users(pairs)
    content.userVectors = userVectors()
    content.segmentCentroids = segments.centroids
    // Interactions carry no context yet: whoever is not known gets the segment of the mean user.
    content.contextSegments = [("*", segments.middle)]
    content.trendingGlobal = trending.global.map { ModelContent.Trending(item: $0.item, score: $0.score) }
    content.trendingBySegment = trending.bySegment.map { list in
      list.map { ModelContent.Trending(item: $0.item, score: $0.score) }
    }
    content.ranking = options.ranking
    content.provenance = provenance(coldItemsWithVectors: filled)
    content.metrics = TrainReport.metrics(of: models)
    content.identityKeyFingerprint = options.data.identity.fingerprint
    content.seed = options.seed
    return content
  }

  private func items(_ degrees: [Int]) -> [ModelContent.Item] {
    // Logarithmic: from ten to a hundred readers is as far as from a hundred to a thousand.
    let highest = max(1, logarithm(1 + Double(degrees.max() ?? 0)))
    return data.items.enumerated().map { place, item in
      ModelContent.Item(
        id: item.id, title: item.title, categories: item.categories,
        metadata: item.metadata.map { (name: $0.name, value: $0.value) }, publishedAt: item.publishedAt,
        popularity: Float(min(1, logarithm(1 + Double(degrees[place])) / highest)))
    }
  }

  private func users(_ pairs: InteractionPairs) -> [ModelContent.User] {
    let seen = pairs.seen()
    return data.log.userHashes.enumerated().map { user, hash in
      ModelContent.User(hash: hash, segment: segments.assignment[user], seen: seen[user])
    }
  }

  /// Who liked nothing has no row of their own, and gets their segment's centroid: a zero row would rank by chance.
  private func userVectors() -> [Float] {
    let dimension = factors.dimension
    var vectors = factors.users
    for user in 0..<factors.userCount where factors.user(user).allSatisfy({ $0 == 0 }) {
      let segment = Int(segments.assignment[user])
      vectors.replaceSubrange(
        user * dimension..<(user + 1) * dimension,
        with: segments.centroids[segment * dimension..<(segment + 1) * dimension])
    }
    return vectors
  }

  /// For people and for `snapshot inspect`. Nothing in it changes from run to run of the same data and settings.
  private func provenance(coldItemsWithVectors filled: Int) -> [String: String] {
    let report = data.report
    var provenance = [
      "data.digest": report.digest, "data.rows": String(report.rows), "data.broken": String(report.broken.count),
      "data.interactions": String(report.interactions), "data.users": String(report.users),
      "data.items": String(report.items), "data.coldItems": String(report.coldItems),
      "data.coldItemsWithVectors": String(filled), "seed": String(options.seed),
      "ials.dimensions": String(settings.dimensions), "ials.alpha0": String(settings.alpha0),
      "ials.lambda": String(settings.lambda), "ials.nu": String(settings.nu), "ials.epochs": String(settings.epochs),
      "ials.tuned": String(options.tunes), "segments": String(segments.count),
      "trending.halfLifeDays": trending.halfLifeDays.map { fixed($0, 3) } ?? "none",
    ]
    if let split {
      provenance["split"] = split.kind.rawValue
      provenance["split.testUsers"] = String(split.testUsers)
      provenance["split.testRows"] = String(split.test.count)
    }
    if let span = data.log.timeSpan {
      provenance["data.from"] = isoDate(span.lowerBound)
      provenance["data.to"] = isoDate(span.upperBound)
      provenance[Self.knownUntilKey] = String(span.upperBound)
    }
    return provenance
  }
}
