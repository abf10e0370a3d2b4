import CKernels
import TestSupport
import Testing

@testable import Retrieval

/// Every level that this machine runs against arithmetic written out here, with a guard page behind each input.
@Suite struct KernelsTests {
  static let levels = Kernels.available.map(\.level)

  @Test func `the reference is always there and the choice is one of the available`() {
    #expect(Kernels.available.first?.level == .scalar)
    #expect(Kernels.available.map(\.level).contains(Kernels.active.level))
  }

  @Test(arguments: levels) func `tile sums are exact for every dimension from 1 to 256`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 7)
    for dimension in 1...256 {
      let groups = (dimension + 3) / 4
      let query = (0..<groups * 4).map { $0 < dimension ? Int8.random(in: -128...127, using: &random) : 0 }
      let tiles = (0..<2 * groups * 128).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(sums(table, query, tiles) == expectedSums(query, tiles), "dimension \(dimension)")
    }
  }

  @Test(arguments: levels) func `tile sums do not saturate at the extremes`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    for code in [UInt8.min, 1, 127, 128, .max] {
      for step in [Int8.min, -127, -1, 0, 1, .max] {
        for groups in [1, 2, 3, 63, 64, 256] {
          let query = Array(repeating: step, count: groups * 4)
          let tiles = Array(repeating: code, count: groups * 128)
          #expect(sums(table, query, tiles) == Array(repeating: Int32(code) * Int32(step) * Int32(groups * 4), count: 32))
        }
      }
    }
  }

  @Test(arguments: levels) func `float products have the reference's bits for every dimension`(_ level: Kernels.Level) throws {
    let kernels = try #require(Kernels(level))
    var random = SeededRandom(seed: 8)
    for dimension in 1...300 {
      let a = (0..<dimension).map { _ in random.gaussian() }
      let b = (0..<dimension).map { _ in random.gaussian() }
      let (x, y) = (GuardedBuffer(a), GuardedBuffer(b))
      #expect(kernels.dot(x.base, y.base, dimension).bitPattern == expectedDot(a, b).bitPattern, "dimension \(dimension)")
    }
  }

  @Test(arguments: levels) func `rows are scored by place or by item`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 9)
    for dimension in [1, 15, 31, 64, 100] {
      let rows = (0..<40 * dimension).map { _ in random.gaussian() }
      let query = (0..<dimension).map { _ in random.gaussian() }
      let items = (0..<30).map { _ in UInt32.random(in: 0..<40, using: &random) }
      let (guarded, guardedQuery, guardedItems) = (GuardedBuffer(rows), GuardedBuffer(query), GuardedBuffer(items))
      var byPlace = [Float](repeating: 0, count: 40)
      var byItem = [Float](repeating: 0, count: 30)
      table.pointee.rows_f32(guardedQuery.base, guarded.base, dimension, nil, 40, &byPlace)
      table.pointee.rows_f32(guardedQuery.base, guarded.base, dimension, guardedItems.base, 30, &byItem)
      let truth = (0..<40).map { expectedDot(query, Array(rows[$0 * dimension..<($0 + 1) * dimension])) }
      #expect(byPlace == truth)
      #expect(byItem == items.map { truth[Int($0)] })
    }
  }

  @Test(arguments: levels) func `collecting equals the reference`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 11)
    for count in 1...130 {
      let numbers = (0..<count).map { _ in random.gaussian() }
      let values = GuardedBuffer(numbers)
      for threshold in [-Float.infinity, 0, 1.5, .infinity] {
        let keys = GuardedBuffer([UInt64](repeating: 0, count: count + Int(NT_KEY_SLACK)))
        let found = table.pointee.collect_f32(values.base, count, threshold, keys.base)
        let truth = (0..<count).filter { numbers[$0] > threshold }.map { nt_key(numbers[$0], UInt32($0)) }
        #expect((0..<found).map { keys.base[$0] } == truth, "\(count) above \(threshold)")
      }
    }
  }

  @Test(arguments: levels) func `quantizing rounds half to even and clamps`(_ level: Kernels.Level) throws {
    let kernels = try #require(Kernels(level))
    var random = SeededRandom(seed: 12)
    for count in 1...70 {
      let x = (0..<count).map { _ in Float.random(in: -300...300, using: &random).rounded() / 2 }
      let guarded = GuardedBuffer(x)
      var codes = [Int8](repeating: 99, count: count + 3)
      kernels.quantize(guarded.base, count, padded: count + 3, scale: 1, into: &codes)
      let truth = x.map { Int8(min(max($0, -127), 127).rounded(.toNearestOrEven)) } + [0, 0, 0]
      #expect(codes == truth)
      #expect(kernels.largest(guarded.base, count) == x.map(abs).max())
    }
  }

  @Test func `keys order by score, then by the smaller id, and give both back`() {
    let scores: [Float] = [-.infinity, -2, -0.0, 0, 1e-30, 1, 3.5, .infinity]
    for (low, high) in zip(scores, scores.dropFirst()) where low != high { #expect(nt_key(low, 0) < nt_key(high, 9)) }
    #expect(nt_key(-0.0, 4) == nt_key(0, 4))
    #expect(nt_key(1, 4) > nt_key(1, 5))
    #expect(nt_key_score(nt_key(-3.25, 17)) == -3.25 && nt_key_id(nt_key(-3.25, 17)) == 17)
  }

  @Test(arguments: levels) func `sorting keys agrees with the standard sort`(_ level: Kernels.Level) throws {
    let table = try #require(Kernels(level)).table
    var random = SeededRandom(seed: 13)
    for count in Array(0...70) + [100, 127, 128, 129, 200, 257, 1000, 5000] {
      for order in KeyOrder.allCases {
        let keys = order.keys(count, &random)
        let truth = keys.sorted(by: >)
        var portable = keys
        nt_sort_keys(&portable, count)
        #expect(portable == truth, "\(count), \(order)")
        let (guarded, spare) = (withSlack(keys), withSlack(keys))
        table.pointee.sort_keys(guarded.base, count, spare.base)
        #expect((0..<count).map { guarded.base[$0] } == truth, "\(count), \(order)")
      }
    }
  }

  @Test(arguments: levels) func `selecting keeps the largest keys, wherever they lie; splitting loses none`(
    _ level: Kernels.Level
  ) throws {
    let kernels = try #require(Kernels(level))
    var random = SeededRandom(seed: 14)
    for count in [0, 1, 2, 7, 8, 9, 24, 25, 48, 49, 63, 100, 193, 257, 1000, 5000] {
      for order in KeyOrder.allCases {
        let keys = order.keys(count, &random)
        let truth = keys.sorted(by: >)
        for keep in Set([0, 1, count / 16, count / 3, count - 1, count]) where keep >= 0 && keep <= count {
          let (selected, split, spare) = (withSlack(keys), withSlack(keys), withSlack(keys))
          kernels.select(selected.base, count, keep: keep, spare: spare.base)
          let best = (0..<keep).map { selected.base[$0] }.sorted(by: >)
          #expect(best == Array(truth[..<keep]), "\(keep) of \(count), \(order)")
          kernels.table.pointee.split_keys(split.base, count, keep, spare.base)
          let (front, back) = ((0..<keep).map { split.base[$0] }, (keep..<count).map { split.base[$0] })
          #expect(front.sorted(by: >) + back.sorted(by: >) == truth, "\(keep) of \(count), \(order)")
        }
      }
    }
  }

  /// The slack that full vector stores may use is all there is beyond the keys.
  private func withSlack(_ keys: [UInt64]) -> GuardedBuffer<UInt64> {
    GuardedBuffer(keys + [UInt64](repeating: .max, count: Int(NT_KEY_SLACK)))
  }
}

/// Orders that a quickselect may find hard.
enum KeyOrder: CaseIterable {
  case random, ascending, descending, almostEqual, sawtooth

  /// Distinct keys.
  func keys(_ count: Int, _ random: inout SeededRandom) -> [UInt64] {
    (0..<UInt64(count)).map { place in
      switch self {
      case .random: random.next() << 16 | place
      case .ascending: place
      case .descending: UInt64(count) - place
      case .almostEqual: 1 << 63 | place ^ 5
      case .sawtooth: (place % 16) << 32 | place
      }
    }
  }
}

private func sums(_ table: UnsafePointer<nt_kernels>, _ query: [Int8], _ tiles: [UInt8]) -> [Int32] {
  let (guardedQuery, guardedTiles) = (GuardedBuffer(query), GuardedBuffer(tiles))
  let tileCount = tiles.count / (query.count * 32)
  let result = GuardedBuffer([Int32](repeating: 0, count: tileCount * 32))
  table.pointee.tiles_i8(guardedQuery.base, query.count / 4, guardedTiles.base, tileCount, result.base)
  return (0..<tileCount * 32).map { result.base[$0] }
}

func expectedSums(_ query: [Int8], _ tiles: [UInt8]) -> [Int32] {
  let bytes = query.count * 32
  return (0..<tiles.count / query.count).map { vector in
    let (tile, lane) = (vector / 32, vector % 32)
    var sum: Int32 = 0
    for dimension in query.indices {
      sum += Int32(query[dimension]) * Int32(tiles[tile * bytes + dimension / 4 * 128 + 4 * lane + dimension % 4])
    }
    return sum
  }
}

/// 32 running sums, folded in halves: the definition in `kernels.h`.
func expectedDot(_ a: [Float], _ b: [Float]) -> Float {
  var sums = [Float](repeating: 0, count: 32)
  for index in a.indices { sums[index % 32] += a[index] * b[index] }
  for width in [16, 8, 4, 2, 1] {
    for lane in 0..<width { sums[lane] += sums[lane + width] }
  }
  return sums[0]
}
