internal import Retrieval

extension ModelContent {
  /// What must hold before anything is written: shapes, ranges, finite numbers. What a section's writer finds by doing
  /// its work (an id that stands twice, a list out of order) it reports itself.
  func check() throws(ModelContentError) {
    guard (1...VectorIndex.dimensionMax).contains(dimension) else {
      throw .invalid("\(dimension) dimensions; 1 to \(VectorIndex.dimensionMax) are possible")
    }
    guard (1...VectorIndex.itemsMax).contains(items.count) else {
      throw .invalid("\(items.count) items; 1 to \(VectorIndex.itemsMax) are possible")
    }
    guard (1...Self.segmentsMax).contains(segmentCount) else {
      throw .invalid("\(segmentCount) segments; 1 to \(Self.segmentsMax) are possible")
    }
    try check(itemVectors, "item vectors", rows: items.count)
    try check(userVectors, "user vectors", rows: users.count)
    try check(segmentCentroids, "segment centroids", rows: segmentCount)
    try check(foldIn.gram, "the Gram matrix", rows: dimension)
    try check(probeQueries, "probe queries", rows: probeQueries.count / dimension)
    guard trendingBySegment.count <= segmentCount else {
      throw .invalid("trending lists of \(trendingBySegment.count) segments; there are \(segmentCount)")
    }
    guard zip(withheldItems, withheldItems.dropFirst()).allSatisfy({ $0 < $1 }),
      withheldItems.last.map({ Int($0) < items.count }) ?? true
    else { throw .invalid("the withheld items are out of order, or beyond the catalogue") }
    try checkItems()
    try checkUsers()
    try checkSettings()
  }

  private func check(_ matrix: [Float], _ what: String, rows: Int) throws(ModelContentError) {
    guard matrix.count == rows * dimension else {
      throw .invalid("\(what): \(matrix.count) numbers where \(rows) × \(dimension) are expected")
    }
    if let place = matrix.firstIndex(where: { !$0.isFinite }) {
      throw .invalid("\(what): row \(place / dimension), column \(place % dimension) is \(matrix[place])")
    }
  }

  private func checkItems() throws(ModelContentError) {
    for (index, item) in items.enumerated() {
      guard (1...Self.idBytesMax).contains(item.id.utf8.count) else {
        throw .invalid("item \(index) has an id of \(item.id.utf8.count) bytes; 1 to \(Self.idBytesMax) are possible")
      }
      guard (0...1).contains(item.popularity) else {
        throw .invalid("item \"\(item.id)\" has popularity \(item.popularity); it must be 0 to 1")
      }
      guard item.categories.allSatisfy({ !$0.isEmpty }) else {
        throw .invalid("item \"\(item.id)\" has a category without a name")
      }
      guard !item.metadata.isEmpty else { continue }
      let names = item.metadata.map(\.name)
      if let name = names.first(where: { $0 == "title" || $0 == "categories" }) {
        throw .invalid("item \"\(item.id)\" has further metadata called \"\(name)\", which the item itself has")
      }
      guard Set(names).count == names.count else { throw .invalid("item \"\(item.id)\" has two metadata of one name") }
    }
  }

  private func checkUsers() throws(ModelContentError) {
    for (index, user) in users.enumerated() {
      guard Int(user.segment) < segmentCount else {
        throw .invalid("user \(index) is in segment \(user.segment) of \(segmentCount)")
      }
      var next = 0
      for item in user.seen {
        guard Int(item) >= next, Int(item) < items.count else {
          throw .invalid("user \(index) has seen items that are not ascending numbers below \(items.count)")
        }
        next = Int(item) + 1
      }
    }
  }

  private func checkSettings() throws(ModelContentError) {
    let (alpha0, lambda, nu) = (foldIn.alpha0, foldIn.lambda, foldIn.nu)
    guard alpha0 >= 0, alpha0.isFinite, lambda > 0, lambda.isFinite, nu >= 0, nu.isFinite, foldIn.itemCount >= 0 else {
      throw .invalid(
        "fold-in with α₀ \(alpha0), λ \(lambda), ν \(nu) and \(foldIn.itemCount) items cannot be; λ must be above 0")
    }
    if let metric = metrics.first(where: { !$0.value.isFinite }) {
      throw .invalid("metric \"\(metric.key)\" is \(metric.value)")
    }
  }
}
