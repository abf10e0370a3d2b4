import CKernels
import TestSupport
import Testing

@testable import Retrieval

/// The kernels of blocks and lists, every level against arithmetic written out here, with a guard page behind each input.
@Suite struct BlockKernelsTests {
  private static let levels = KernelsTests.levels
  /// Every padded dimension to 256, and the widest.
  private static let widths = Array(stride(from: 8, through: 256, by: 8)) + [512, 1024]

  @Test(arguments: levels) func `a scan's sums are exact for every dimension, at the extremes too`(
    _ level: Kernels.Level
  ) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 20)
    for width in Self.widths {
      for fullest in [false, true] {
        // The largest entries that a table may hold: at 512 dimensions 255, with sums of 65,280; at 1,024 dimensions 127.
        let most = min(255, 65_535 / (width / 2))
        let entries = (0..<width * 8).map { _ in fullest ? UInt8(most) : UInt8.random(in: 0...UInt8(most), using: &random) }
        let cells = (0..<2 * width * 8).map { _ in fullest ? 0xFF : UInt8.random(in: 0...255, using: &random) }
        let scan = BlockScan(width: width, table: entries, cells: cells, fills: [32, 32], order: [1, 0])
        #expect(scan.run(table, threshold: -.infinity) == scan.expected(threshold: -.infinity), "\(width) dimensions")
      }
    }
  }

  @Test(arguments: levels) func `a scan finds what is above the threshold, in no lane beyond the fill or out of the mask`(
    _ level: Kernels.Level
  ) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 21)
    for fill in 1...32 {
      for threshold in [-Float.infinity, 0, 300, 2000, .infinity, .nan] {
        for masks in [nil, [UInt32.max, 0, 1], (0..<3).map { _ in UInt32.random(in: 0...(.max), using: &random) }] {
          let width = 8 * Int.random(in: 1...9, using: &random)
          let scan = BlockScan(
            width: width, table: (0..<width * 8).map { _ in UInt8.random(in: 0...255, using: &random) },
            cells: (0..<3 * width * 8).map { _ in UInt8.random(in: 0...255, using: &random) },
            fills: [UInt8(fill), 32, UInt8(33 - fill)], masks: masks)
          #expect(
            scan.run(table, threshold: threshold) == scan.expected(threshold: threshold),
            "fill \(fill), above \(threshold), masks \(masks ?? [])")
        }
      }
    }
  }

  @Test(arguments: levels) func `scores that are not finite enter by no threshold`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    let cells = [UInt8](repeating: 0, count: 3 * 64)
    var scan = BlockScan(width: 8, table: Array(repeating: 1, count: 64), cells: cells, fills: [32, 32, 32])
    scan.bases = [.nan, -.infinity, .infinity]
    let keys = scan.run(table, threshold: -.infinity)
    #expect(keys == scan.expected(threshold: -.infinity) && keys.allSatisfy { nt_key_score($0) == .infinity })
  }

  @Test(arguments: levels) func `a table holds every pair's products in whole steps, and its sums fit 16 bits`(
    _ level: Kernels.Level
  ) throws {
    let (table, reference) = (try #require(Kernels(level)).table, try #require(Kernels(.scalar)).table)
    var random = SeededRandom(seed: 22)
    for width in Self.widths {
      for query in QueryShape.allCases.map({ $0.query(width, &random) }) {
        let (mine, truth) = (QueryTable(table, query), QueryTable(reference, query))
        #expect(mine == truth, "\(width) dimensions: \(query.prefix(8))")
        let (error, limit) = (mine.worstError(query), mine.step * 0.501 + 1e-6 * mine.span(query))
        #expect(error <= limit, "\(width) dimensions")
        #expect(mine.largestSum <= 65_535)
      }
    }
  }

  @Test(arguments: levels) func `a query of zero has a table of zeros`(_ level: Kernels.Level) throws {
    let table = QueryTable(try #require(Kernels(level)).table, [Float](repeating: 0, count: 24))
    #expect(table.entries.allSatisfy { $0 == 0 } && table.step == 0 && table.least == 0)
  }

  @Test(arguments: levels) func `finer codes add what their steps are worth, for every dimension`(
    _ level: Kernels.Level
  ) throws {
    let kernels = try #require(Kernels(level))
    var random = SeededRandom(seed: 23)
    for width in Self.widths {
      for extreme in [nil, Int8(-128), 127] {
        let query = (0..<width).map { _ in extreme ?? Int8.random(in: -128...127, using: &random) }
        let rows = (0..<64 * width / 2).map { _ in extreme == nil ? UInt8.random(in: 0...255, using: &random) : 0xFF }
        let slots: [UInt32] = [63, 0, 31, 32, 1] + (0..<30).map { _ in UInt32.random(in: 0..<64, using: &random) }
        let keys = slots.map { nt_key(random.gaussian() * 100, $0) }
        let widths = [random.gaussian().magnitude, random.gaussian().magnitude]
        let refined = refine(kernels, query, rows, widths, keys)
        #expect(refined == keys.map { refinedKey($0, query, rows, widths) }, "\(width) dimensions, \(extreme ?? 0)")
      }
    }
  }

  @Test(arguments: levels) func `lists have dots and bounds as written, and blocks are ranked by theirs`(
    _ level: Kernels.Level
  ) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 24)
    for octets in [1, 2, 3, 8, 13, 16, 25, 32, 128] {
      for isExtreme in [false, true] {
        let lists = ListScan(octets: octets, tiles: octets < 16 ? 3 : 1, isExtreme: isExtreme, &random)
        #expect(lists.run(table) == lists.expected, "\(octets * 8) dimensions, extreme \(isExtreme)")
      }
    }
    for lists in [1, 2, 9, 40] {
      let ranking = RankedBlocks(lists: lists, &random)
      for least in [-Float.infinity, 0, 1, .infinity] {
        #expect(ranking.run(table, least: least) == ranking.expected(least: least), "\(lists) lists, \(least)")
      }
    }
  }

  @Test func `codes of a block are where the layout says`() {
    var random = SeededRandom(seed: 25)
    for width in [8, 16, 24, 104, 256] {
      let codes = (0..<32).map { _ in (0..<width).map { _ in UInt8.random(in: 0..<64, using: &random) } }
      var cells = (0..<width * 8).map { _ in UInt8.random(in: 0...255, using: &random) }
      for lane in 0..<32 {
        var row = [UInt8](repeating: 0xAA, count: width / 2)
        nt_pack_u6(codes[lane], width, lane, &cells, &row)
        let steps = row.withUnsafeBufferPointer { row in (0..<width).map { step(row, $0) } }
        #expect(steps == codes[lane].map { $0 & 15 }, "lane \(lane)")
      }
      for lane in 0..<32 {
        let found = cells.withUnsafeBufferPointer { cells in (0..<width).map { cell(cells, lane, $0) } }
        #expect(found == codes[lane].map { $0 >> 4 }, "lane \(lane)")
      }
    }
  }

  @Test func `coding rounds into sixty-four steps and clips beyond`() {
    // A step is a sixteenth of a cell; what lies on an edge belongs to the step above.
    let x: [Float] = [-9, -2, -1.9999, -1.9374, -0.001, 0, 0.001, 0.0625, 1.999, 2, 9, .nan, .infinity, -.infinity, 0, 0]
    var codes = [UInt8](repeating: 99, count: 16)
    nt_code_u6(x, 16, 1, &codes)
    #expect(codes == [0, 0, 0, 1, 31, 32, 32, 33, 63, 63, 63, 0, 63, 0, 32, 32])
  }
}

let byteOfLane: [Int] = {
  let order = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]
  return (0..<16).map { order.firstIndex(of: $0)! }
}()

/// Cell of dimension i of a lane, by the words of `kernels.h`.
func cell(_ cells: UnsafeBufferPointer<UInt8>, _ lane: Int, _ i: Int) -> UInt8 {
  let byte = cells[i / 2 * 16 + byteOfLane[lane % 16]]
  let nibble = lane < 16 ? byte & 15 : byte >> 4
  return i % 2 == 0 ? nibble & 3 : nibble >> 2
}

/// Step of dimension i in a vector's row.
func step(_ row: UnsafeBufferPointer<UInt8>, _ i: Int) -> UInt8 {
  let byte = row[i % row.count]
  return i < row.count ? byte & 15 : byte >> 4
}

/// Blocks with a table, asked for in an order.
struct BlockScan {
  let width: Int, table: [UInt8], cells: [UInt8], fills: [UInt8], masks: [UInt32]?, order: [UInt32]
  var bases: [Float] = [-300, 20, 0.5]
  var steps: [Float] = [1, 0.25, 0.3]

  init(width: Int, table: [UInt8], cells: [UInt8], fills: [UInt8], masks: [UInt32]? = nil, order: [UInt32] = [2, 0, 1]) {
    (self.width, self.table, self.cells, self.fills, self.masks, self.order) = (width, table, cells, fills, masks, order)
  }

  func expected(threshold: Float) -> [UInt64] {
    var keys: [UInt64] = []
    for (place, block) in order.enumerated() {
      for lane in 0..<Int(fills[Int(block)]) where masks.map({ $0[place] >> UInt32(lane) & 1 == 1 }) ?? true {
        let score = Float(sum(Int(block), lane)) * steps[place] + bases[place]
        if score > threshold { keys.append(nt_key(score, block * 32 + UInt32(lane))) }
      }
    }
    return keys
  }

  private func sum(_ block: Int, _ lane: Int) -> Int {
    cells.withUnsafeBufferPointer { cells in
      let own = UnsafeBufferPointer(rebasing: cells[block * width * 8..<(block + 1) * width * 8])
      var sum = 0
      for pair in 0..<width / 2 {
        let entry = Int(cell(own, lane, 2 * pair)) + 4 * Int(cell(own, lane, 2 * pair + 1))
        sum += Int(table[16 * pair + entry])
      }
      return sum
    }
  }

  /// With room for one block at a time, so that every stop and resumption is taken, and slack as promised.
  func run(_ kernels: UnsafePointer<nt_kernels>, threshold: Float) -> [UInt64] {
    let (table, cells, order) = (GuardedBuffer(table), GuardedBuffer(cells), GuardedBuffer(order))
    let (fills, masks) = (GuardedBuffer(fills), masks.map { GuardedBuffer($0) })
    let bases = GuardedBuffer(Array(bases[..<self.order.count]))
    let steps = GuardedBuffer(Array(steps[..<self.order.count]))
    var job = nt_scan_job(
      table: table.base, quads: width / 8, cells: cells.base, blocks: order.base, block_count: self.order.count,
      masks: masks.map { UnsafePointer($0.base) }, fill: fills.base, bases: bases.base, steps: steps.base)
    kernels.pointee.fetch_u2(&job)
    var (keys, position) = ([UInt64](), 0)
    while position < self.order.count {
      let found = GuardedBuffer([UInt64](repeating: 0, count: 32 + Int(NT_KEY_SLACK)))
      let before = position
      let count = kernels.pointee.scan_u2(&job, &position, threshold, found.base, 32)
      precondition(position > before, "a scan with room for a block takes one")
      keys += (0..<count).map { found.base[$0] }
    }
    return keys
  }
}

enum QueryShape: CaseIterable {
  case gaussian, flat, single, tiny, huge

  func query(_ width: Int, _ random: inout SeededRandom) -> [Float] {
    (0..<width).map { place in
      switch self {
      case .gaussian: random.gaussian()
      case .flat: place % 2 == 0 ? 1 : -1
      case .single: place == width / 2 ? -3 : 0
      case .tiny: random.gaussian() * 1e-18
      case .huge: random.gaussian() * 1e17
      }
    }
  }
}

/// What `table_u8` made of a query.
struct QueryTable: Equatable {
  let entries: [UInt8]
  let step: Float
  let least: Float

  init(_ kernels: UnsafePointer<nt_kernels>, _ query: [Float]) {
    let guarded = GuardedBuffer(query)
    let table = GuardedBuffer([UInt8](repeating: 77, count: query.count * 8))
    var (step, least): (Float, Float) = (0, 0)
    kernels.pointee.table_u8(guarded.base, query.count / 2, table.base, &step, &least)
    entries = (0..<query.count * 8).map { table.base[$0] }
    (self.step, self.least) = (step, least)
  }

  /// Of the codes that choose the largest entry of every pair.
  var largestSum: Int {
    var sum = 0
    for start in stride(from: 0, to: entries.count, by: 16) { sum += Int(entries[start..<start + 16].max()!) }
    return sum
  }

  func span(_ query: [Float]) -> Float { query.reduce(0) { $0 + 1.5 * abs($1) } }

  /// The farthest that an entry is from the product that it stands for.
  func worstError(_ query: [Float]) -> Float {
    var worst: Float = 0
    for pair in 0..<query.count / 2 {
      let (a, b) = (query[2 * pair], query[2 * pair + 1])
      for c in 0..<16 {
        let (x, y): (Float, Float) = (a * (Float(c % 4) - 1.5), b * (Float(c / 4) - 1.5))
        let least: Float = -1.5 * (abs(a) + abs(b))
        let entry: Float = Float(entries[16 * pair + c]) * step
        worst = max(worst, abs(entry - (x + y - least)))
      }
    }
    return worst
  }
}

private let queryScale: Float = 0.37

private func refine(
  _ kernels: Kernels, _ query: [Int8], _ rows: [UInt8], _ widths: [Float], _ keys: [UInt64]
) -> [UInt64] {
  let (guardedQuery, guardedRows) = (GuardedBuffer(query), GuardedBuffer(rows))
  let (guardedWidths, guardedKeys) = (GuardedBuffer(widths), GuardedBuffer(keys))
  var job = nt_refine_job(
    query: guardedQuery.base, half: query.count / 2, rows: guardedRows.base, widths: guardedWidths.base,
    query_scale: queryScale, sum: query.reduce(0) { $0 + Int32($1) })
  kernels.table.pointee.refine_u4(&job, guardedKeys.base, keys.count)
  return keys.indices.map { guardedKeys.base[$0] }
}

/// Each step is worth a sixteenth of the cell's width, counted from the middle of the sixteen.
private func refinedKey(_ key: UInt64, _ query: [Int8], _ rows: [UInt8], _ widths: [Float]) -> UInt64 {
  let (slot, half) = (Int(nt_key_id(key)), query.count / 2)
  var doubled = 0
  for i in query.indices {
    let code = rows.withUnsafeBufferPointer { Int(step(UnsafeBufferPointer(rebasing: $0[slot * half..<(slot + 1) * half]), i)) }
    doubled += (2 * code - 15) * Int(query[i])
  }
  let value = widths[slot / 32] * (queryScale * (1.0 / 32))
  return nt_key(nt_key_score(key) + Float(doubled) * value, nt_key_id(key))
}

/// Centroids of four bits a dimension, with the numbers of their lists.
private struct ListScan {
  let query: [Int8], codes: [[UInt8]], scales: [Float], gains: [Float], widths: [Float]
  let reach: Float = 2.5
  private var sum: Int32 { query.reduce(0) { $0 + Int32($1) } }

  /// Extreme: all codes 15 and all of the query -128.
  init(octets: Int, tiles count: Int, isExtreme: Bool, _ random: inout SeededRandom) {
    let width = octets * 8
    query = (0..<width).map { _ in isExtreme ? -128 : Int8.random(in: -128...127, using: &random) }
    codes = (0..<count * 32).map { _ in
      (0..<width).map { _ in isExtreme ? 15 : UInt8.random(in: 0...15, using: &random) }
    }
    scales = (0..<count * 32).map { _ in random.gaussian() }
    gains = (0..<count * 32).map { _ in random.gaussian() }
    widths = (0..<count * 32).map { _ in random.gaussian() }
  }

  /// Dots, then bounds: codes count from the middle of the sixteen, in halves.
  var expected: [[Float]] {
    let dots = codes.enumerated().map { list, codes -> Float in
      var doubled = 0
      for i in query.indices { doubled += (2 * Int(codes[i]) - 15) * Int(query[i]) }
      return Float(doubled) * (scales[list] * queryScale)
    }
    return [dots, dots.indices.map { gains[$0] * dots[$0] + reach * widths[$0] }]
  }

  func run(_ table: UnsafePointer<nt_kernels>) -> [[Float]] {
    let count = scales.count
    var packed = [UInt8](repeating: 0, count: count * self.query.count / 2)
    for (list, codes) in codes.enumerated() {
      packed.withUnsafeMutableBufferPointer {
        nt_pack_u4(codes, codes.count, list % 32, $0.baseAddress! + list / 32 * codes.count * 16)
      }
    }
    let (query, tiles, scales) = (GuardedBuffer(query), GuardedBuffer(packed), GuardedBuffer(scales))
    let (gains, widths) = (GuardedBuffer(gains), GuardedBuffer(widths))
    var job = nt_list_job(
      query: query.base, groups: self.query.count / 8, tiles: tiles.base, tile_count: count / 32, scales: scales.base,
      query_scale: queryScale, sum: sum, gains: gains.base, widths: widths.base, reach: reach)
    let zeros = [Float](repeating: 0, count: count)
    let (dots, bounds) = (GuardedBuffer(zeros), GuardedBuffer(zeros))
    table.pointee.lists_u4(&job, dots.base, bounds.base)
    return [(0..<count).map { dots.base[$0] }, (0..<count).map { bounds.base[$0] }]
  }
}

/// Lists of one to forty blocks, some of them chosen.
private struct RankedBlocks {
  let first: [UInt32], chosen: [UInt32], dots: [Float], gains: [Float], widths: [Float]
  let reach: Float = 0.7

  init(lists: Int, _ random: inout SeededRandom) {
    var first: [UInt32] = [0]
    for _ in 0..<lists { first.append(first.last! + UInt32.random(in: 1...40, using: &random)) }
    self.first = first
    chosen = (0..<UInt32(lists)).filter { $0 % 3 != 1 }
    dots = (0..<lists).map { _ in random.gaussian() }
    gains = (0..<first.last!).map { _ in random.gaussian() }
    widths = (0..<first.last!).map { _ in random.gaussian() }
  }

  func expected(least: Float) -> [UInt64] {
    chosen.flatMap { list in
      (first[Int(list)]..<first[Int(list) + 1]).compactMap { block -> UInt64? in
        let bound = gains[Int(block)] * dots[Int(list)] + reach * widths[Int(block)]
        return bound >= least ? nt_key(bound, block) : nil
      }
    }
  }

  func run(_ table: UnsafePointer<nt_kernels>, least: Float) -> [UInt64] {
    let (first, lists, dots) = (GuardedBuffer(first), GuardedBuffer(chosen.map { nt_key(1, $0) }), GuardedBuffer(dots))
    let (gains, widths) = (GuardedBuffer(gains), GuardedBuffer(widths))
    let keys = GuardedBuffer([UInt64](repeating: 0, count: self.gains.count + Int(NT_KEY_SLACK)))
    let found = table.pointee.rank_blocks(
      first.base, lists.base, chosen.count, dots.base, gains.base, widths.base, reach, least, keys.base)
    return (0..<found).map { keys.base[$0] }
  }
}
