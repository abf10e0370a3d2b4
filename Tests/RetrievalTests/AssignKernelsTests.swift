import CKernels
import TestSupport
import Testing

@testable import Retrieval

/// The nearest centroid at every level that this machine runs, with a guard page behind each input.
@Suite struct AssignKernelsTests {
  static let levels = Kernels.available.map(\.level)

  @Test(arguments: levels) func `the nearest centroid is the one that arithmetic finds`(_ level: Kernels.Level) throws {
    var random = SeededRandom(seed: 21)
    for dimension in [1, 3, 4, 5, 31, 64, 100, 129, 255, 256] {
      let c = AssignCase(dimension: dimension, rows: 14, tiles: 2, random: &random)
      #expect(try c.run(level) == c.expected, "dimension \(dimension)")
    }
  }

  @Test(arguments: levels) func `every dimension from 1 to 256 has the reference's bits`(_ level: Kernels.Level) throws
  {
    var random = SeededRandom(seed: 22)
    for dimension in 1...256 {
      // 1 to 25 rows: every number of rows in the last block of 2, 4 or 12.
      var c = AssignCase(dimension: dimension, rows: dimension % 25 + 1, tiles: dimension % 3 + 1, random: &random)
      if dimension % 2 == 1 { c.items = (0..<17).map { _ in UInt32(random.below(c.count)) } }
      #expect(try c.run(level) == c.run(.scalar), "dimension \(dimension)")
    }
  }

  @Test(arguments: levels) func `sums do not saturate at the extremes`(_ level: Kernels.Level) throws {
    for dimension in [2, 4, 64, 1024] {
      for (code, value) in [(UInt8.min, Float(-3)), (.max, 3), (.min, 1), (.max, -1)] {
        let c = AssignCase(
          dimension: dimension, rows: Array(repeating: value, count: 13 * dimension),
          tiles: Array(repeating: code, count: (dimension + 3) / 4 * 128), scales: Array(repeating: 1, count: 32))
        let product = Float((Int(code) - 128) * (value < 0 ? -127 : 127) * dimension) * (abs(value) / 127)
        #expect(try c.run(level) == Array(repeating: Nearest(lane: 0, product: product), count: 13))
      }
    }
  }

  @Test(arguments: levels) func `the smallest lane wins a tie and a lane of NaN wins nothing`(_ level: Kernels.Level)
    throws
  {
    var random = SeededRandom(seed: 23)
    for winner in 0..<64 {
      var c = AssignCase(dimension: 20, rows: 5, tiles: 2, random: &random)
      // All lanes alike; those before the winner are out of the contest.
      c.tiles = (0..<2 * 5 * 128).map { UInt8(130 + $0 % 4) }
      c.scales = (0..<64).map { $0 < winner ? .nan : 0.5 }
      #expect(try c.run(level).map(\.lane) == Array(repeating: UInt32(winner), count: 5))
    }
    var c = AssignCase(dimension: 20, rows: 5, tiles: 2, random: &random)
    c.scales = Array(repeating: .nan, count: 64)
    #expect(try c.run(level) == Array(repeating: Nearest(lane: 0, product: -.infinity), count: 5))
  }

  @Test(arguments: levels) func `a row of zeros is near to the first`(_ level: Kernels.Level) throws {
    var random = SeededRandom(seed: 24)
    var c = AssignCase(dimension: 33, rows: 3, tiles: 1, random: &random)
    // Below the smallest value whose inverse is finite counts as zero.
    for index in 33..<66 { c.rows[index] = index % 2 == 0 ? 0 : 1e-38 }
    let found = try c.run(level)
    #expect(found[1] == Nearest(lane: 0, product: 0))
    #expect(found == c.expected)
  }

  @Test func `lanes are gathered from tiles with all their codes`() {
    var random = SeededRandom(seed: 25)
    let groups = 7
    let tiles = (0..<3 * groups * 128).map { _ in UInt8.random(in: 0...255, using: &random) }
    let lanes: [UInt32] = [95, 0, 31, 32, 64, 33, 5]
    var gathered = [UInt8](repeating: 77, count: groups * 128)
    let (guarded, guardedLanes) = (GuardedBuffer(tiles), GuardedBuffer(lanes))
    nt_gather_lanes(guarded.base, groups, guardedLanes.base, lanes.count, &gathered)
    for group in 0..<groups {
      for place in 0..<32 {
        for byte in 0..<4 {
          let code = gathered[group * 128 + place * 4 + byte]
          guard place < lanes.count else {
            #expect(code == 77)
            continue
          }
          let lane = Int(lanes[place])
          #expect(code == tiles[lane / 32 * groups * 128 + group * 128 + lane % 32 * 4 + byte])
        }
      }
    }
  }

  @Test func `rows are summed with their weights in the order of the items`() {
    var random = SeededRandom(seed: 26)
    for dimension in [1, 7, 128] {
      let rows = (0..<20 * dimension).map { _ in random.gaussian() }
      let weights = (0..<20).map { _ in random.gaussian() }
      let items = (0..<30).map { _ in UInt32(random.below(20)) }
      var truth = [Float](repeating: 0, count: dimension)
      for item in items.map(Int.init) {
        for d in 0..<dimension { truth[d] += rows[item * dimension + d] * weights[item] }
      }
      var sum = [Float](repeating: .nan, count: dimension)
      let (guarded, guardedItems, guardedWeights) = (GuardedBuffer(rows), GuardedBuffer(items), GuardedBuffer(weights))
      nt_sum_rows(guarded.base, dimension, guardedItems.base, items.count, guardedWeights.base, &sum)
      #expect(sum == truth)
    }
  }
}

struct Nearest: Equatable {
  var lane: UInt32
  var product: Float
}

private struct AssignCase {
  let dimension: Int
  var rows: [Float], tiles: [UInt8], scales: [Float]
  var items: [UInt32]?
  var count: Int { rows.count / dimension }
  var groups: Int { (dimension + 3) / 4 }

  init(dimension: Int, rows: [Float], tiles: [UInt8], scales: [Float]) {
    (self.dimension, self.rows, self.tiles, self.scales) = (dimension, rows, tiles, scales)
  }

  init(dimension: Int, rows: Int, tiles: Int, random: inout SeededRandom) {
    self.dimension = dimension
    self.rows = (0..<rows * dimension).map { _ in random.gaussian() }
    let bytes = tiles * ((dimension + 3) / 4) * 128
    self.tiles = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    scales = (0..<tiles * 32).map { $0 % 11 == 3 ? .nan : Float.random(in: 0.1...2, using: &random) }
  }

  func run(_ level: Kernels.Level) throws -> [Nearest] {
    let kernels = try #require(nt_assign_kernels_at(level.code.rawValue))
    let (rows, tiles, scales) = (GuardedBuffer(rows), GuardedBuffer(tiles), GuardedBuffer(scales))
    let items = items.map { GuardedBuffer($0) }
    let count = self.items?.count ?? count
    let (lanes, products) = (
      GuardedBuffer([UInt32](repeating: 99, count: count)), GuardedBuffer([Float](repeating: .nan, count: count))
    )
    var job = nt_assign_job(
      rows: rows.base, dimension: dimension, items: items.map { UnsafePointer($0.base) }, count: count,
      tiles: tiles.base, tile_count: self.scales.count / 32, scales: scales.base)
    kernels.pointee.nearest(&job, lanes.base, products.base)
    let found = (0..<count).map { Nearest(lane: lanes.base[$0], product: products.base[$0]) }
    kernels.pointee.nearest(&job, lanes.base, nil)
    #expect((0..<count).map { lanes.base[$0] } == found.map(\.lane))
    return found
  }

  var expected: [Nearest] {
    (0..<count).map { row in
      let x = rows[row * dimension..<(row + 1) * dimension]
      let largest = x.map(abs).max()!
      let scale = largest < 1e-30 ? 0 : largest / 127
      let codes = x.map { scale > 0 ? Int(($0 * (1 / scale)).rounded(.toNearestOrEven)) : 0 }
      var (best, lane) = (-Float.infinity, UInt32(0))
      for candidate in scales.indices {
        let start = candidate / 32 * groups * 128 + candidate % 32 * 4
        let sum = codes.indices.reduce(0) { $0 + (Int(tiles[start + $1 / 4 * 128 + $1 % 4]) - 128) * codes[$1] }
        let value = Float(sum) * scales[candidate]
        if value > best { (best, lane) = (value, UInt32(candidate)) }
      }
      return Nearest(lane: lane, product: best > -.infinity ? best * scale : best)
    }
  }
}
