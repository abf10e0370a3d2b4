public import Snapshots

/// Reads an index out of a snapshot and checks all that the search will trust: sizes against counts, blocks against
/// lists, slots against the catalogue. A file that passes cannot make a search read or answer outside of it, whatever its
/// numbers are.
struct IndexSections {
  private let snapshot: Snapshot
  private var metric = Metric.dot
  private var count = 0, dimension = 0, listCount = 0, blockCount = 0
  private var seed: UInt64 = 0

  static func read(_ snapshot: Snapshot) throws(SnapshotError) -> (IndexView, EffortTable, Rotation) {
    var sections = IndexSections(snapshot: snapshot)
    try sections.readHead()
    let rotation = Rotation(dimension: sections.dimension, seed: sections.seed)
    let view = try sections.readView(rotation)
    return (view, try sections.readEfforts(), rotation)
  }

  private init(snapshot: Snapshot) { self.snapshot = snapshot }

  private mutating func readHead() throws(SnapshotError) {
    var reader = try snapshot.section(IndexTag.head)
    guard try reader.scalar(of: UInt32.self) == IndexTag.layout else {
      throw reader.invalid("has an index of another layout", code: .unsupportedSchema, at: 0)
    }
    guard let metric = Metric(rawValue: UInt8(truncatingIfNeeded: try reader.scalar(of: UInt32.self))) else {
      throw reader.invalid("names no metric")
    }
    self.metric = metric
    count = try number(&reader, in: 0...VectorIndex.itemsMax, "items")
    dimension = try number(&reader, in: 1...VectorIndex.dimensionMax, "dimensions")
    listCount = try number(&reader, in: 0...count, "lists")
    // Every block has an item, and every item one slot.
    blockCount = try number(&reader, in: tileCount(count)...count, "blocks")
    seed = try reader.scalar(of: UInt64.self)
    try reader.finish()
  }

  private func number(_ reader: inout SectionReader, in range: ClosedRange<Int>, _ what: String) throws(SnapshotError) -> Int {
    let value = Int(try reader.scalar(of: UInt32.self))
    guard range.contains(value) else { throw reader.invalid("\(value) \(what) cannot be") }
    return value
  }

  private func readView(_ rotation: Rotation) throws(SnapshotError) -> IndexView {
    let width = padded(dimension)
    let listRoom = tileCount(listCount) * tileVectors
    let cent = try columns(IndexTag.centroids) { (reader) throws(SnapshotError) -> (Column<UInt8>, Column<Float>) in
      (try reader.column(of: UInt8.self, count: listRoom * width / 2), try finite(&reader, listRoom))
    }
    let list = try columns(IndexTag.lists) {
      (reader) throws(SnapshotError) -> (Column<UInt32>, Column<Float>, Column<Float>) in
      (try firstBlocks(&reader), try finite(&reader, listRoom), try finite(&reader, listRoom))
    }
    let block = try columns(IndexTag.blocks) {
      (reader) throws(SnapshotError) -> (Column<Float>, Column<Float>, Column<UInt32>, Column<UInt8>) in
      (
        try finite(&reader, blockCount), try finite(&reader, blockCount), try blockLists(&reader, list.0),
        try fills(&reader)
      )
    }
    let slotItems = try columns(IndexTag.slots) { (reader) throws(SnapshotError) -> Column<UInt32> in try slots(&reader, block.3) }
    let cells = try bytes(IndexTag.cells, blockCount * width * 8)
    let steps = try bytes(IndexTag.steps, blockCount * blockItems * width / 2)
    let rows = try columns(IndexTag.rows) { (reader) throws(SnapshotError) -> Column<Float> in
      try reader.column(of: Float.self, count: count * dimension)
    }
    return IndexView(
      metric: metric, count: count, dimension: dimension, listCount: listCount, blockCount: blockCount,
      rows: rows.base, signs: rotation.signs, cells: cells.base, steps: steps.base, gains: block.0.base,
      widths: block.1.base, lists: block.2.base, fills: block.3.base, items: slotItems.base, centroids: cent.0.base,
      centroidScales: cent.1.base, firstBlocks: list.0.base, listGains: list.1.base, listWidths: list.2.base)
  }

  /// Codes: any byte is one.
  private func bytes(_ tag: SectionTag, _ count: Int) throws(SnapshotError) -> Column<UInt8> {
    try columns(tag) { (reader) throws(SnapshotError) -> Column<UInt8> in
      try reader.column(of: UInt8.self, count: count)
    }
  }

  private func readEfforts() throws(SnapshotError) -> EffortTable {
    try columns(IndexTag.efforts) { (reader) throws(SnapshotError) -> EffortTable in
      let blocks = try reader.column(of: UInt32.self, count: EffortTable.entryCount)
      let refined = try reader.column(of: UInt32.self, count: EffortTable.entryCount)
      let rescored = try reader.column(of: UInt32.self, count: EffortTable.entryCount)
      guard blocks.allSatisfy({ $0 >= 1 }) else { throw reader.invalid("has a budget of no blocks") }
      guard refined.allSatisfy({ (1...SearchScratch.refinedMax).contains(Int($0)) }) else {
        throw reader.invalid("has a budget of no finer codes, or of more than \(SearchScratch.refinedMax)")
      }
      guard rescored.allSatisfy({ (1...SearchScratch.rescoredMax).contains(Int($0)) }) else {
        throw reader.invalid("has a budget of no rows, or of more than \(SearchScratch.rescoredMax)")
      }
      return EffortTable(blocks: Array(blocks), refined: Array(refined), rescored: Array(rescored))
    }
  }

  /// Reads a section to its end.
  private func columns<Result>(
    _ tag: SectionTag, _ body: (inout SectionReader) throws(SnapshotError) -> Result
  ) throws(SnapshotError) -> Result {
    var reader = try snapshot.section(tag)
    let result = try body(&reader)
    try reader.finish()
    return result
  }
}

// The checks of single columns.
extension IndexSections {
  /// Scales, gains and spreads order what is found; a NaN among them would order nothing.
  private func finite(_ reader: inout SectionReader, _ count: Int) throws(SnapshotError) -> Column<Float> {
    let column = try reader.column(of: Float.self, count: count)
    guard column.allFinite else { throw reader.invalid("has a number that is not finite", code: .nonFiniteValues) }
    return column
  }

  /// From 0 to the number of blocks, each list with at least one block.
  private func firstBlocks(_ reader: inout SectionReader) throws(SnapshotError) -> Column<UInt32> {
    let first = try reader.column(of: UInt32.self, count: listCount + 1)
    var expected = UInt32(0)
    for list in 0...listCount {
      guard list == 0 ? first[0] == 0 : first[list] > expected else { throw reader.invalid("has lists out of order") }
      expected = first[list]
    }
    guard listCount == 0 || expected == UInt32(blockCount) else {
      throw reader.invalid("has lists over \(expected) of \(blockCount) blocks")
    }
    return first
  }

  /// The list of each block, as the lists' first blocks have it.
  private func blockLists(_ reader: inout SectionReader, _ first: Column<UInt32>) throws(SnapshotError) -> Column<UInt32> {
    let lists = try reader.column(of: UInt32.self, count: blockCount)
    for block in 0..<blockCount {
      let list = Int(lists[block])
      let isRight = listCount == 0
        ? list == 0 : list < listCount && first[list] <= block && block < first[list + 1]
      guard isRight else { throw reader.invalid("has block \(block) in list \(list)") }
    }
    return lists
  }

  private func fills(_ reader: inout SectionReader) throws(SnapshotError) -> Column<UInt8> {
    let fills = try reader.column(of: UInt8.self, count: blockCount)
    var total = 0
    for fill in fills {
      guard fill >= 1, fill <= blockItems else { throw reader.invalid("has a block of \(fill) items") }
      total += Int(fill)
    }
    guard total == count else { throw reader.invalid("has \(total) items in blocks, \(count) in all") }
    return fills
  }

  /// Every item in exactly one slot; since blocks hold as many items as there are, none twice means all once.
  private func slots(_ reader: inout SectionReader, _ fills: Column<UInt8>) throws(SnapshotError) -> Column<UInt32> {
    let slots = try reader.column(of: UInt32.self, count: blockCount * blockItems)
    var seen = Bitmap(count: count)
    for block in 0..<blockCount {
      for slot in block * blockItems..<block * blockItems + Int(fills[block]) {
        let item = slots[slot]
        guard item < count, !seen[Int(item)] else { throw reader.invalid("has item \(item) twice, or it is none") }
        seen[Int(item)] = true
      }
    }
    return slots
  }
}

extension Column {
  /// The address of the first element. The mapping, which the index keeps, outlives it.
  fileprivate var base: UnsafePointer<Element> { withUnsafeBufferPointer { $0.baseAddress! } }
}

extension VectorIndex {
  /// The index of a snapshot, mapped where it lies; the snapshot stays alive as long as the index. Everything that a
  /// search relies on is checked first. The codes of a large one are copied into huge pages. O(items), some 60 ms a million
  /// at 128 dimensions, of which the copy takes most.
  public convenience init(_ snapshot: Snapshot) throws(SnapshotError) {
    var (view, efforts, rotation) = try IndexSections.read(snapshot)
    let codes = CodesInMemory(view)
    if let codes {
      view.cells = UnsafePointer(codes.cells.base)
      view.steps = UnsafePointer(codes.steps.base)
    }
    self.init(view, efforts, owner: .snapshot(snapshot, rotation, codes))
  }
}

/// The codes of a large index in huge pages, which a file's mapping cannot have.
final class CodesInMemory: Sendable {
  let cells: AlignedStorage<UInt8>
  let steps: AlignedStorage<UInt8>

  /// Nil when they are so few that small pages do.
  init?(_ view: IndexView) {
    let (cellBytes, stepBytes) = (view.blockCount * view.blockBytes, view.blockCount * blockItems * view.stepBytes)
    guard stepBytes >= HugePages.bytesMin else { return nil }
    cells = AlignedStorage(UnsafeBufferPointer(start: view.cells, count: cellBytes))
    steps = AlignedStorage(UnsafeBufferPointer(start: view.steps, count: stepBytes))
  }
}
