internal import Snapshots

/// What is popular, everywhere and in each segment.
///
///     trending  u64 starts of lists; u32 items, best first; f32 scores; u32 places of a list in order of item
///
/// List 0 is the global one, list s + 1 that of segment s.
struct TrendingLists: Sendable {
  private let starts: Column<UInt64>
  private let items: Column<UInt32>
  private let scores: Column<Float>
  private let byItem: Column<UInt32>

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    self = try snapshot.read(ModelTag.trending) { (reader) throws(SnapshotError) in
      let starts = try reader.starts(rows: head.segments + 1, stride: 12)
      let count = Int(starts[head.segments + 1])
      let lists = TrendingLists(
        starts: starts, items: try reader.column(of: UInt32.self, count: count), scores: try reader.finite(count),
        byItem: try reader.column(of: UInt32.self, count: count))
      for list in 0...head.segments { try lists.check(list, reader, items: head.items) }
      return lists
    }
  }

  private init(starts: Column<UInt64>, items: Column<UInt32>, scores: Column<Float>, byItem: Column<UInt32>) {
    self.starts = starts
    self.items = items
    self.scores = scores
    self.byItem = byItem
  }

  private func range(_ list: Int) -> Range<Int> { Int(starts[list])..<Int(starts[list + 1]) }

  /// `segment` nil: the global list.
  func list(_ segment: Int?) -> (items: Column<UInt32>, scores: Column<Float>) {
    let range = range(segment.map { $0 + 1 } ?? 0)
    return (items.extracting(range), scores.extracting(range))
  }

  /// How an item stands in a segment's list, 0…1: its score as a share of the best. O(log list).
  func share(_ item: UInt32, segment: Int) -> Float {
    let range = range(segment + 1)
    guard !range.isEmpty, scores[range.lowerBound] > 0 else { return 0 }
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if items[range.lowerBound + Int(byItem[middle])] < item { low = middle + 1 } else { high = middle }
    }
    guard low < range.upperBound else { return 0 }
    let place = range.lowerBound + Int(byItem[low])
    return items[place] == item ? max(0, scores[place] / scores[range.lowerBound]) : 0
  }

  /// Places and items inside, no item twice, scores falling.
  private func check(_ list: Int, _ reader: borrowing SectionReader, items count: Int) throws(SnapshotError) {
    let range = range(list)
    guard range.count <= ModelContent.trendingMax else { throw reader.invalid("has a list of \(range.count) items") }
    var next: UInt64 = 0
    for place in range {
      guard items[place] < count, byItem[place] < range.count else {
        throw reader.invalid("has an item in list \(list) that is none")
      }
      let item = items[range.lowerBound + Int(byItem[place])]
      guard item >= next else {
        throw reader.invalid("has list \(list) with an item twice, or its order by item broken")
      }
      next = UInt64(item) + 1
      guard place == range.lowerBound || scores[place] <= scores[place - 1] else {
        throw reader.invalid("has list \(list) out of order")
      }
    }
  }

  /// The last rung of every fallback must not be empty: without events to count, popularity stands in.
  private static func byPopularity(_ items: [ModelContent.Item]) -> [ModelContent.Trending] {
    let order = items.indices.sorted { (items[$1].popularity, $0) < (items[$0].popularity, $1) }
    return order.prefix(ModelContent.trendingMax).map { .init(item: UInt32($0), score: items[$0].popularity) }
  }

  static func write(_ content: ModelContent, into section: inout SectionBuilder) throws(ModelContentError) {
    let lists =
      [content.trendingGlobal.isEmpty ? byPopularity(content.items) : content.trendingGlobal]
      + (0..<content.segmentCount).map {
        $0 < content.trendingBySegment.count ? content.trendingBySegment[$0] : []
      }
    var starts: [UInt64] = [0]
    var (items, scores, byItem): ([UInt32], [Float], [UInt32]) = ([], [], [])
    for (number, whole) in lists.enumerated() {
      let list = whole.prefix(ModelContent.trendingMax)
      let what = number == 0 ? "the global trending list" : "the trending list of segment \(number - 1)"
      guard list.allSatisfy({ Int($0.item) < content.items.count }) else {
        throw .invalid("\(what) has an item that is not in the catalogue")
      }
      guard list.allSatisfy(\.score.isFinite) else { throw .invalid("\(what) has a score that is not finite") }
      guard Set(list.map(\.item)).count == list.count else { throw .invalid("\(what) has an item twice") }
      guard zip(list, list.dropFirst()).allSatisfy({ $0.score >= $1.score }) else {
        throw .invalid("\(what) is not in order of score")
      }
      items += list.map(\.item)
      scores += list.map(\.score)
      byItem += list.indices.sorted { list[$0].item < list[$1].item }.map(UInt32.init)
      starts.append(UInt64(items.count))
    }
    section.column(starts)
    section.column(items)
    section.column(scores)
    section.column(byItem)
  }
}
