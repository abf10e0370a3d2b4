import TestSupport
import Testing

@testable import Retrieval

@Suite struct ListsTests {
  @Test func `the lists are the same at every number of threads and with all kernels`() throws {
    let shape = SyntheticVectors.Shape.clustered(spread: 0.75, normSigma: 0.5)
    let vectors = SyntheticVectors(shape, items: 3000, dimension: 23, users: 0, seed: 31)
    let truth = try lists(vectors.items, dimension: 23, wanted: 40, kernels: try #require(Kernels(.scalar)), threads: 1)
    for kernels in Kernels.available {
      for threads in [1, 2, 5, nil] {
        let mine = try lists(vectors.items, dimension: 23, wanted: 40, kernels: kernels, threads: threads)
        #expect(mine.assignment == truth.assignment, "\(kernels.level), \(threads ?? 0) threads")
        #expect(mine.centroids.map(\.bitPattern) == truth.centroids.map(\.bitPattern))
      }
    }
    let other = try lists(vectors.items, dimension: 23, wanted: 40, seed: 2)
    #expect(other.assignment != truth.assignment)
  }

  /// Where there are no clusters, nothing is to be gained over plain k-means: int8 and fewer rounds must not lose
  /// either.
  @Test(arguments: [(SyntheticVectors.Shape.clustered(spread: 0.75, normSigma: 0), Float(0.005)), (.gaussian, -0.003)])
  func `lists fit better than those of plain k-means in floats`(_ shape: SyntheticVectors.Shape, _ gainMin: Float)
    throws
  {
    let vectors = SyntheticVectors(shape, items: 900, dimension: 12, users: 0, seed: 32)
    let rows = try exactRows(vectors.items, dimension: 12, metric: .cosine)
    let mine = meanCosine(rows, try lists(vectors.items, dimension: 12, wanted: 16, metric: .cosine))
    // Where plain k-means ends depends on its start: the mean of some.
    let plain = (0..<3).map { plainCosine(rows, lists: 16, rounds: 10, seed: $0) }.reduce(0, +) / 3
    #expect(mine > plain + gainMin, "\(shape): \(mine), plain \(plain)")
  }

  @Test func `clusters that lie apart get one list each`() throws {
    // A random start puts two lists into some of these and none into others, and k-means alone leaves it at that.
    var random = SeededRandom(seed: 35)
    for _ in 0..<5 {
      let centres = (0..<24).map { _ in (0..<12).map { _ in random.gaussian() } }
      let cluster = (0..<2400).map { $0 % 24 }
      let items = cluster.flatMap { cluster in centres[cluster].map { $0 + random.gaussian() * 0.02 } }
      let found = try lists(items, dimension: 12, wanted: 24)
      #expect(found.count == 24)
      #expect(Set(zip(cluster, found.assignment).map { "\($0) in \($1)" }).count == 24)
    }
  }

  @Test func `an item is in the list whose centroid is nearest`() throws {
    let shape = SyntheticVectors.Shape.clustered(spread: 0.75, normSigma: 0.25)
    let vectors = SyntheticVectors(shape, items: 6000, dimension: 32, users: 0, seed: 36)
    let rows = try exactRows(vectors.items, dimension: 32)
    let found = try lists(vectors.items, dimension: 32, wanted: 100)
    var (wrong, lost) = (0, Float(0))
    for item in stride(from: 0, to: rows.count, by: 4) {
      let cosines = (0..<found.count).map { cosine(rows, item, found, $0) }
      if cosines[Int(found.assignment[item])] < cosines.max()! { wrong += 1 }
      lost = max(lost, cosines.max()! - cosines[Int(found.assignment[item])])
    }
    // Codes of int8 decide close calls otherwise than floats.
    #expect(wrong < rows.count / 4 / 20, "\(wrong) of \(rows.count / 4) are elsewhere")
    #expect(lost < 0.1, "an item is \(lost) from its nearest")
  }

  @Test func `large norms draw the lists and one enormous norm does not`() throws {
    let shape = SyntheticVectors.Shape.clustered(spread: 2, normSigma: 0.25)
    var vectors = SyntheticVectors(shape, items: 4000, dimension: 16, users: 0, seed: 37).items
    func cosineOfLarge(_ items: [Float], _ found: Lists) throws -> Float {
      let rows = try exactRows(items, dimension: 16)
      let large = (0..<rows.count).sorted { rows.norms[$0] > rows.norms[$1] }.dropFirst().prefix(200)
      return large.map { cosine(rows, $0, found, Int(found.assignment[$0])) }.reduce(0, +) / 200
    }
    let weighted = try cosineOfLarge(vectors, lists(vectors, dimension: 16, wanted: 30))
    let plain = try cosineOfLarge(vectors, lists(vectors, dimension: 16, wanted: 30, metric: .cosine))
    #expect(weighted > plain + 0.01, "\(weighted), without weights \(plain)")
    for index in 0..<16 { vectors[index] *= 1e15 }
    let found = try lists(vectors, dimension: 16, wanted: 30)
    #expect(isSound(found, items: 4000, dimension: 16))
    #expect(abs(try cosineOfLarge(vectors, found) - weighted) < 0.02)
  }

  @Test(arguments: [1, 2, 7, 40]) func `equal items share a list`(_ count: Int) throws {
    let found = try lists(Array(repeating: [3, -4, 0], count: count).flatMap { $0 }, dimension: 3, wanted: 5)
    #expect(found.count == 1 && found.assignment == Array(repeating: 0, count: count))
    #expect(abs(found.centroids[0] - 0.6) < 1e-6 && abs(found.centroids[1] + 0.8) < 1e-6 && found.centroids[2] == 0)
  }

  @Test func `items with few distinct directions get a list a direction`() throws {
    var random = SeededRandom(seed: 38)
    let directions = (0..<6).map { _ in (0..<10).map { _ in random.gaussian() } }
    let items = (0..<900).flatMap { _ in directions[random.below(6)] }
    let found = try lists(items, dimension: 10, wanted: 50)
    #expect(found.count == 6)
    #expect(meanCosine(try exactRows(items, dimension: 10), found) > 0.9999)
  }

  @Test func `zero vectors are assigned and move nothing`() throws {
    let vectors = SyntheticVectors(.gaussian, items: 600, dimension: 9, users: 0, seed: 39).items
    let withZeros = vectors + Array(repeating: 0, count: 9 * 300)
    let found = try lists(withZeros, dimension: 9, wanted: 20)
    #expect(isSound(found, items: 900, dimension: 9) && found.count == 20)
    #expect(Set(found.assignment[600...]).count == 1)
    let zeros = try lists(Array(repeating: 0, count: 90), dimension: 9, wanted: 4)
    #expect(zeros.count == 1 && zeros.centroids == Array(repeating: 0, count: 9))
    #expect(zeros.assignment == Array(repeating: 0, count: 10))
  }

  @Test(arguments: [1, 2, 3, 20, 33, 64, 65]) func `any number of items makes lists that hold something`(_ count: Int)
    throws
  {
    for (dimension, wanted) in [(1, 1), (1, 9), (5, 1), (5, 8), (64, 100), (64, 33)] {
      let vectors = SyntheticVectors(.gaussian, items: count, dimension: dimension, users: 0, seed: UInt64(40 + count))
      let found = try lists(vectors.items, dimension: dimension, wanted: wanted)
      #expect(isSound(found, items: count, dimension: dimension) && found.count <= min(count, wanted))
    }
  }

  @Test func `no items make no lists`() throws {
    let found = try lists([], dimension: 3, wanted: 4)
    #expect(found.count == 0 && found.assignment.isEmpty && found.centroids.isEmpty)
  }

  @Test func `lists that a tiny share of the items would fill are merged away`() throws {
    let shape = SyntheticVectors.Shape.clustered(spread: 0.75, normSigma: 0.8)
    let vectors = SyntheticVectors(shape, items: 12_000, dimension: 16, users: 0, seed: 41)
    let found = try lists(vectors.items, dimension: 16, wanted: 60)
    var sizes = [Int](repeating: 0, count: found.count)
    for list in found.assignment { sizes[Int(list)] += 1 }
    sizes.sort()
    #expect(sizes[3] >= 25 && sizes.last! < 2500, "\(sizes)")
  }

  @Test func `progress runs forward on the calling thread and ends complete`() throws {
    let vectors = SyntheticVectors(.gaussian, items: 2000, dimension: 8, users: 0, seed: 42)
    var seen: [(IndexBuildStep, Double)] = []
    _ = Lists.cluster(
      try exactRows(vectors.items, dimension: 8), lists: 10, seed: 1, kernels: .active,
      progress: { seen.append(($0, $1)) })
    let shares = seen.map { ($0 == .clustering ? 0 : 1) + $1 }
    #expect(shares == shares.sorted() && shares.first == 0 && shares.last == 2, "\(seen)")
  }
}

@Suite struct SharedWorkTests {
  @Test(arguments: [1, 2, 3, 7, nil]) func `every piece is done once and several loops in a window never report less`(
    _ threads: Int?
  ) {
    var seen: [Double] = []
    let work = SharedWork(threads: threads, progress: { seen.append($1) })
    for part in 0..<3 {
      work.enter(.clustering, from: part, to: part + 1, of: 3)
      for pieces in [0, 1, 4, 50] {
        let done = AlignedStorage<Int>(count: pieces)
        work.perform(pieces, products: 6 * SharedWork.sliceProducts) { done.base[$0] += 1 }
        #expect(done.buffer.allSatisfy { $0 == 1 })
      }
    }
    #expect(seen.count > 30 && seen == seen.sorted() && seen.first == 0 && seen.last == 1, "\(seen)")
  }
}

@Suite struct ItemWeightsTests {
  @Test(arguments: [(0, 4), (0.25, 4), (0.34, 3), (0.5, 2), (0.8, 1), (2.5, 0)])
  func `the power falls as norms spread`(_ sigma: Double, _ exponent: Int) {
    var random = SeededRandom(seed: 43)
    let norms = (0..<5000).map { _ in Float(exponential(Double(random.gaussian()) * sigma)) }
    #expect(ItemWeights.power(norms).exponent == exponent)
  }

  @Test func `weights are finite for every norm a float can have`() {
    let norms: [Float] = [0, .leastNonzeroMagnitude, 1e-30, 1e-17, 1, 1, 1, 1.5, 1e9, 1.8e19, .greatestFiniteMagnitude]
    let factors = ItemWeights(norms: norms).factors
    #expect(factors.allSatisfy { $0.isFinite && $0 >= 0 })
    #expect(factors[0] == 0 && factors[4] == 1)
    #expect(ItemWeights(norms: [0, 0]).factors == [0, 0])
    #expect(ItemWeights(norms: []).factors == [])
  }

  private func exponential(_ x: Double) -> Double {
    // Powers of e by its series: the tests need no libm either.
    (1...40).reversed().reduce(1) { 1 + x / Double($1) * $0 }
  }
}

private func exactRows(_ items: [Float], dimension: Int, metric: Metric = .dot) throws -> ExactRows {
  var result: Result<ExactRows, IndexBuildError>?
  items.withUnsafeBufferPointer { items in
    do throws(IndexBuildError) {
      result = .success(
        try ExactRows(items, count: items.count / dimension, dimension: dimension, metric: metric, kernels: .active))
    } catch { result = .failure(error) }
  }
  return try result!.get()
}

private func lists(
  _ items: [Float], dimension: Int, wanted: Int, metric: Metric = .dot, kernels: Kernels = .active,
  threads: Int? = nil, seed: UInt64 = 1
) throws -> Lists {
  Lists.cluster(
    try exactRows(items, dimension: dimension, metric: metric), lists: wanted, seed: seed, kernels: kernels,
    threads: threads, progress: nil)
}

private func cosine(_ rows: ExactRows, _ item: Int, _ lists: Lists, _ list: Int) -> Float {
  let row = UnsafeBufferPointer(start: rows.row(item), count: rows.dimension)
  let centroid = lists.centroids[list * rows.dimension..<(list + 1) * rows.dimension]
  return zip(row, centroid).reduce(0) { $0 + $1.0 * $1.1 } / max(rows.norms[item], 1e-18)
}

private func meanCosine(_ rows: ExactRows, _ lists: Lists) -> Float {
  (0..<rows.count).reduce(Float(0)) { $0 + cosine(rows, $1, lists, Int(lists.assignment[$1])) } / Float(rows.count)
}

/// Lists in range, none empty, centroids finite and of length 1.
private func isSound(_ lists: Lists, items: Int, dimension: Int) -> Bool {
  let lengths = (0..<lists.count).map { list in
    lists.centroids[list * dimension..<(list + 1) * dimension].reduce(0) { $0 + $1 * $1 }
  }
  return lists.assignment.count == items && lists.centroids.count == lists.count * dimension
    && Set(lists.assignment) == Set(0..<UInt32(lists.count)) && lengths.allSatisfy { abs($0 - 1) < 1e-4 }
}

/// Spherical k-means as the textbook has it, in floats over all items; the mean cosine that it reaches.
private func plainCosine(_ rows: ExactRows, lists: Int, rounds: Int, seed: UInt64) -> Float {
  var random = SeededRandom(seed: seed)
  let dimension = rows.dimension
  func unit(_ row: [Float]) -> [Float] {
    let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return norm > 0 ? row.map { $0 / norm } : row
  }
  let units = (0..<rows.count).map { unit(Array(UnsafeBufferPointer(start: rows.row($0), count: dimension))) }
  var centroids = (0..<lists).map { _ in units[random.below(units.count)] }
  var mean: Float = 0
  for _ in 0..<rounds {
    var sums = centroids.map { _ in [Float](repeating: 0, count: dimension) }
    mean = 0
    for row in units {
      let cosines = centroids.map { zip(row, $0).reduce(Float(0)) { $0 + $1.0 * $1.1 } }
      let best = cosines.indices.max { cosines[$0] < cosines[$1] }!
      mean += cosines[best] / Float(units.count)
      for d in 0..<dimension { sums[best][d] += row[d] }
    }
    centroids = zip(sums, centroids).map { sum, old in sum.allSatisfy { $0 == 0 } ? old : unit(sum) }
  }
  return mean
}
