internal import Retrieval
internal import Snapshots

/// Queries with their exact answers: a new snapshot is warmed with them and must answer them.
///
///     probes    u64 queries, answers a query; f32 queries × dimension; u32 items, best first; f32 scores
struct ProbeTable: Sendable {
  /// Enough to meet a broken index; few enough to be answered exactly in a moment.
  static let queriesMax = 256
  static let answersMax = 10

  let count: Int
  let answers: Int
  private let queries: Column<Float>
  private let items: Column<UInt32>
  private let scores: Column<Float>
  private let dimension: Int

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    dimension = head.dimension
    (count, answers, queries, items, scores) = try snapshot.read(ModelTag.probes) {
      (reader) throws(SnapshotError) -> (Int, Int, Column<Float>, Column<UInt32>, Column<Float>) in
      let count = try reader.count(max: Self.queriesMax)
      let answers = try reader.count(max: min(Self.answersMax, head.items))
      guard answers > 0 else { throw reader.invalid("has probes without answers") }
      let queries = try reader.finite(count * head.dimension)
      let items = try reader.column(of: UInt32.self, count: count * answers)
      guard items.allSatisfy({ $0 < head.items }) else {
        throw reader.invalid("has an answer that is not in the catalogue")
      }
      return (count, answers, queries, items, try reader.finite(count * answers))
    }
  }

  func query(_ probe: Int) -> Column<Float> { queries.extracting(probe * dimension..<(probe + 1) * dimension) }
  func items(_ probe: Int) -> Column<UInt32> { items.extracting(probe * answers..<(probe + 1) * answers) }
  /// The score of the last answer: what an item must reach to be as good.
  func lastScore(_ probe: Int) -> Float { scores[(probe + 1) * answers - 1] }

  static func write(queries: [Float], index: VectorIndex, into section: inout SectionBuilder) throws(ModelContentError)
  {
    let count = queries.count / index.dimension
    let answers = min(answersMax, index.count)
    let scratch = SearchScratch(for: index)
    var (items, scores): ([UInt32], [Float]) = ([], [])
    for probe in 0..<count {
      let query = queries.span.extracting(probe * index.dimension..<(probe + 1) * index.dimension)
      do throws(SearchError) { try index.exactSearch(query, count: answers, allow: nil, scratch: scratch) } catch {
        throw .invalid("probe \(probe): \(error)")
      }
      let hits = scratch.hits
      for place in 0..<answers {
        items.append(hits[place].item)
        scores.append(hits[place].score)
      }
    }
    section.count(count)
    section.count(answers)
    section.column(queries)
    section.column(items)
    section.column(scores)
  }
}
