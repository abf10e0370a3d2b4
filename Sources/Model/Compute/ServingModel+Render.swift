public import Bytes
internal import Ranking
internal import Retrieval
internal import Snapshots

extension ServingModel {
  /// Makes a list and appends its stored form to `value`: the one function behind precompute, warming and misses.
  ///
  ///     subject ─► query vector ─► rules ─► search ─► features ─► diversity ─► rendered list
  ///
  /// `window`: of the user, when the subject is one; it gives the query vector and what to leave out. `availability`: of
  /// this model's items; nil for all of them. No clock, no I/O, no allocation once the scratch has met the model and its
  /// items' availability.
  ///
  /// - Returns: items in the list, at least one.
  public func render(
    _ query: ListQuery, for placement: borrowing PlacementPolicy, window: Window? = nil,
    availability: Availability? = nil, scratch: ComputeScratch, into value: inout ByteBuffer
  ) throws(RenderFailure) -> Int {
    var nobody = NoStageReceiver()
    return try render(
      query, for: placement, window: window, availability: availability, telling: &nobody, scratch: scratch,
      into: &value)
  }

  /// The same, and tells `stages` of each stage when it ends. A list that fails ends no further ones.
  public func render(
    _ query: ListQuery, for placement: borrowing PlacementPolicy, window: Window? = nil,
    availability: Availability? = nil, telling stages: inout some ComputeStageReceiver, scratch: ComputeScratch,
    into value: inout ByteBuffer
  ) throws(RenderFailure) -> Int {
    let weights = weights(for: placement)
    scratch.begin(self)
    try setQueryVector(query, window, scratch)
    stages.ended(.prepare)
    if let availability { scratch.reduce(availability) }
    try applyRules(query, placement.filter, window, candidates: weights.candidates, scratch)
    stages.ended(.rules)
    try search(query.subject, weights, scratch)
    stages.ended(.search)
    gatherCandidates(query, atMost: weights.candidates, scratch)
    Reranker.score(scratch.ranking, weights: weights)
    stages.ended(.features)
    Reranker.choose(
      scratch.ranking, weights: weights, count: min(placement.listItems, RenderedList.itemsMax), index: index)
    stages.ended(.diversity)
    let count = try write(query, freshSeconds: placement.freshSeconds, scratch, into: &value)
    stages.ended(.render)
    return count
  }

  /// The fold-in of the window, else the user's own vector, else the segment's centroid; for similar items the item's.
  private func setQueryVector(_ query: ListQuery, _ window: Window?, _ scratch: ComputeScratch) throws(RenderFailure) {
    switch query.subject {
    case .segment(let segment):
      guard (0..<segmentCount).contains(segment) else { throw .unknownSubject }
      let centroid = segments.centroid(segment)
      for place in 0..<dimension { scratch.query[place] = centroid[place] }
    case .item(let item, let hash):
      guard item < UInt32(itemCount), itemHash(item) == hash else { throw .unknownSubject }
      let index = index
      let vector = index.vector(of: item)
      for place in 0..<dimension { scratch.query[place] = vector[place] }
      addAffinity(item, scratch)
    case .user(let hash):
      if let window, scratch.foldIn.gather(window, self, now: query.now) > 0 {
        scratch.foldIn.solve(self, into: &scratch.query)
        for event in 0..<window.count {
          if let item = item(id: window.itemID(event)) { addAffinity(item, scratch) }
        }
      } else if let user = user(hash) {
        users.copyVector(user.number, to: &scratch.query)
      } else {
        throw .unknownSubject
      }
    }
  }

  /// Leaves in `scratch.allow` what availability and filter let through, and gathers the history.
  private func applyRules(
    _ query: ListQuery, _ placementFilter: ItemFilter, _ window: Window?, candidates: Int, _ scratch: ComputeScratch
  ) throws(RenderFailure) {
    var filter = placementFilter
    do throws(ItemFilterError) { try filter.formIntersection(query.filter) } catch { throw .filter(error) }
    if !filter.isEmpty { scratch.restrict(to: filter, self) }
    if case .user(let hash) = query.subject { gatherHistory(hash, window, scratch) }
    if scratch.met.count > VectorIndex.answersMax - candidates { leaveOutHistory(scratch) }
    guard !scratch.allowsNothing else { throw .nothingLeft }
  }

  private func gatherHistory(_ hash: UserHash, _ window: Window?, _ scratch: ComputeScratch) {
    if let user = user(hash) {
      let seen = users.seen(user.number)
      for place in 0..<seen.count { scratch.add(met: seen[place]) }
    }
    guard let window else { return }
    for event in 0..<window.count {
      if let item = item(id: window.itemID(event)) { scratch.add(met: item) }
    }
  }

  /// Takes the history out of what may be answered, for one that is too long to be searched for on top of the candidates.
  /// O(items / 64).
  private func leaveOutHistory(_ scratch: ComputeScratch) {
    scratch.restrict(self)
    for item in scratch.history { scratch.allowed.remove(item) }
    scratch.met.removeAll()
  }

  private func search(_ subject: Subject, _ weights: RankingWeights, _ scratch: ComputeScratch) throws(RenderFailure) {
    var count = weights.candidates
    // By inner product an item's neighbours come mixed with items that are merely long; more are asked for, and
    // `gatherCandidates` takes the nearest of them by cosine.
    if case .item = subject { count = metric == .dot ? RankingWeights.candidatesMax : count + 1 }
    // As many more as may turn out to have been met: a set of all items but these would be copied for each list.
    count = min(count + scratch.met.count, itemCount, VectorIndex.answersMax)
    let query = scratch.query
    do throws(SearchError) {
      try index.search(
        query.span, count: count, allow: scratch.allow, effort: .recall95, scratch: scratch.search)
    } catch { throw .unsearchable }
  }

  /// What the search found, with what the model knows of each.
  ///
  /// For similar items these are the nearest by cosine of what was found by inner product.
  private func gatherCandidates(_ query: ListQuery, atMost count: Int, _ scratch: ComputeScratch) {
    let itself: UInt32? = if case .item(let item, _) = query.subject { item } else { nil }
    let contextSegment = segments.segment(of: query.context)
    func append(_ item: UInt32, _ similarity: Float) {
      scratch.ranking.append(
        Candidate(
          item: item, similarity: similarity, popularity: popularity[Int(item)], ageDays: ageDays(item, query.now),
          affinity: scratch.affinity.isEmpty ? 0 : scratch.affinity.score(categories.of(item).span),
          context: contextSegment.map { trending.share(item, segment: $0) } ?? 0))
    }
    let search = scratch.search
    let hits = search.hits
    if let itself, metric == .dot {
      findNearest(count, of: itself, scratch)
      touchFeatures(hits, scratch)
      for key in scratch.nearness.prefix(count) { append(hits[NearnessKey.place(key)].item, NearnessKey.cosine(key)) }
    } else {
      touchFeatures(hits, scratch)
      for place in hits.indices where hits[place].item != itself && scratch.ranking.candidates.count < count {
        if !scratch.met.contains(hits[place].item) { append(hits[place].item, hits[place].score) }
      }
    }
  }

  /// Leaves keys of the hits nearest to an item by cosine, itself apart, in `scratch.nearness`, the nearest `count` of them
  /// at the front. O(hits × dimension).
  private func findNearest(_ count: Int, of itself: UInt32, _ scratch: ComputeScratch) {
    let query = scratch.query
    let cosine = CosineTo(query.span)
    let (index, search) = (index, scratch.search)
    let hits = search.hits
    for place in hits.indices { index.fetch(hits[place].item) }
    scratch.nearness.removeAll(keepingCapacity: true)
    for place in hits.indices where hits[place].item != itself {
      scratch.nearness.append(NearnessKey.key(cosine.score(query.span, index.vector(of: hits[place].item)), place))
    }
    moveLeast(count, toTheFrontOf: &scratch.nearness)
  }

  private func write(
    _ query: ListQuery, freshSeconds: UInt32, _ scratch: ComputeScratch, into value: inout ByteBuffer
  ) throws(RenderFailure) -> Int {
    guard !scratch.ranking.ranked.isEmpty else { throw .nothingLeft }
    let reason: ItemReason = if case .item = query.subject { .similar } else { .personalized }
    scratch.writer.begin(keyHash: query.keyHash, createdAt: query.now, freshSeconds: freshSeconds)
    touchTexts(scratch.ranking.ranked, scratch)
    for place in scratch.ranking.ranked { add(place.item, score: place.score, reason, to: &scratch.writer) }
    scratch.writer.finish(into: &value)
    return scratch.writer.count
  }

  private func addAffinity(_ item: UInt32, _ scratch: ComputeScratch) {
    scratch.affinity.add(categories.of(item).span)
  }

  private func ageDays(_ item: UInt32, _ now: UInt32) -> Float? {
    let time = published[Int(item)]
    return time == 0 ? nil : Float(Int64(now) - Int64(time)) / 86_400
  }
}

/// The cosine with one vector, whose length is measured once.
private struct CosineTo {
  private let inverseNorm: Float
  private let kernels = Kernels.active

  init(_ query: Span<Float>) {
    let norm = kernels.dot(query, query).squareRoot()
    inverseNorm = norm > 0 ? 1 / norm : 0
  }

  func score(_ query: Span<Float>, _ row: Span<Float>) -> Float {
    let norm = kernels.dot(row, row).squareRoot()
    return norm > 0 ? kernels.dot(query, row) * inverseNorm / norm : 0
  }
}
