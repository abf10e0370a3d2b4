/// How much of the true answers a search found.
public struct RecallReport: Sendable, Equatable, CustomStringConvertible {
  /// Over all queries.
  public let mean: Double
  /// What all but the worst 5 % of queries reach.
  public let p5: Double
  public let queries: Int

  public var description: String { "recall \(mean), 5th percentile \(p5), \(queries) queries" }

  /// From the recall of each query.
  init(_ recalls: [Double]) {
    let sorted = recalls.sorted()
    queries = recalls.count
    mean = recalls.isEmpty ? 1 : recalls.reduce(0, +) / Double(recalls.count)
    p5 = recalls.isEmpty ? 1 : sorted[recalls.count / 20]
  }
}

/// Asks every query twice, once exactly. An item counts as found if its exact score reaches the last true one, so that
/// ties may be answered by either; the score that the search gave does not count.
///
/// `queries` are row-major. O(queries × items × dimension).
public func measureRecall(
  _ index: VectorIndex, queries: [Float], count: Int, effort: Effort, allow: Bitmap? = nil, kernels: Kernels = .active
) throws(SearchError) -> RecallReport {
  let scratch = SearchScratch(for: index, kernels: kernels)
  var recalls: [Double] = []
  for start in stride(from: 0, to: queries.count, by: index.dimension) {
    let query = queries.span.extracting(start..<min(start + index.dimension, queries.count))
    try index.exactSearch(query, count: count, allow: allow, scratch: scratch)
    let truth = scratch.hits.count
    guard truth > 0 else { continue }
    let last = scratch.hits[truth - 1].score
    try index.search(query, count: count, allow: allow, effort: effort, scratch: scratch)
    let hits = scratch.hits
    // Of a cosine, the last bits depend on when the query was normalised.
    let least = last - abs(last) * 1e-6
    let found = hits.indices.count { index.score(of: hits[$0].item, for: query) >= least }
    recalls.append(Double(min(found, truth)) / Double(truth))
  }
  return RecallReport(recalls)
}
