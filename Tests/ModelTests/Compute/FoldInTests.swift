import TestSupport
import Testing

@testable import Model

/// Solves the normal equations of one user densely, in double precision.
private func denseUser(_ toy: ToyModel, _ events: [(item: Int, confidence: Double)]) -> [Double] {
  let d = toy.content.dimension
  let settings = toy.content.foldIn
  var matrix = settings.gram.map { Double(settings.alpha0) * Double($0) }
  let reg =
    Double(settings.lambda)
    * power(Double(events.count) + Double(settings.alpha0) * Double(settings.itemCount), Double(settings.nu))
  var right = [Double](repeating: 0, count: d)
  for event in events {
    let h = (0..<d).map { Double(toy.content.itemVectors[event.item * d + $0]) }
    for i in 0..<d {
      for j in 0..<d { matrix[i * d + j] += event.confidence * h[i] * h[j] }
      right[i] += event.confidence * h[i]
    }
  }
  for i in 0..<d { matrix[i * d + i] += reg }
  return gauss(matrix, right)
}

/// Gaussian elimination with pivots.
private func gauss(_ matrix: [Double], _ right: [Double]) -> [Double] {
  let n = right.count
  var (a, b) = (matrix, right)
  for column in 0..<n {
    let pivot = (column..<n).max { abs(a[$0 * n + column]) < abs(a[$1 * n + column]) }!
    for place in 0..<n { a.swapAt(column * n + place, pivot * n + place) }
    b.swapAt(column, pivot)
    for row in 0..<n where row != column {
      let factor = a[row * n + column] / a[column * n + column]
      for place in column..<n { a[row * n + place] -= factor * a[column * n + place] }
      b[row] -= factor * b[column]
    }
  }
  return (0..<n).map { b[$0] / a[$0 * n + $0] }
}

@Suite struct FoldInTests {
  private func folded(_ toy: ToyModel, _ events: [(id: String, type: InteractionType, time: UInt32)]) throws -> [Float]
  {
    let model = try toy.model()
    var vector = [Float](repeating: 0, count: toy.content.dimension)
    let window = window(events)
    var foldIn = FoldIn()
    let known = foldIn.gather(try Window(window.span.bytes), model, now: ToyModel.now)
    #expect(known > 0)
    foldIn.solve(model, into: &vector)
    return vector
  }

  @Test func `a window folds in as iALS would have trained it`() throws {
    var random = SeededRandom(seed: 17)
    for (dimension, metric) in [(1, Metric.dot), (2, .dot), (8, .dot), (33, .dot), (8, .cosine)] {
      let toy = ToyModel(items: 40, users: 0, dimension: dimension, metric: metric)
      for count in 1...10 {
        let chosen = Array(0..<40).shuffled(using: &random).prefix(count)
        let events = chosen.map { (id: "item-\($0)", type: InteractionType.click, time: ToyModel.now) }
        let vector = try folded(toy, events)
        let truth = denseUser(toy, chosen.map { ($0, 1) })
        let size = truth.reduce(0) { max($0, abs($1)) }
        for place in 0..<dimension {
          #expect(
            abs(Double(vector[place]) - truth[place]) < 1e-4 * size,
            "seed 17, d \(dimension) \(metric), \(count) events")
        }
      }
    }
  }

  @Test func `kinds and ages of events weigh, and repeated items add up`() throws {
    let toy = ToyModel(items: 40, users: 0)
    let week: UInt32 = 7 * 86_400
    let vector = try folded(
      toy,
      [
        ("item-1", .purchase, ToyModel.now), ("item-2", .view, ToyModel.now), ("item-1", .click, ToyModel.now - week),
        ("nowhere", .click, ToyModel.now - week), ("item-3", .addToCart, ToyModel.now - 2 * week),
      ])
    let truth = denseUser(toy, [(1, 3 + 0.5), (2, 0.5), (3, 2 * 0.25)])
    for place in 0..<8 { #expect(abs(Double(vector[place]) - truth[place]) < 1e-4) }
  }

  @Test func `however old, an event still counts a little`() {
    #expect(FoldIn.confidence(of: .view, ageSeconds: 1e9) == FoldIn.confidenceMin)
    #expect(FoldIn.confidence(of: .click, ageSeconds: -50) == 1, "a clock that is ahead")
  }

  @Test func `no regularisation by count is regularisation all the same`() throws {
    var toy = ToyModel(items: 40, users: 0)
    toy.content.foldIn.nu = 0
    let vector = try folded(toy, [("item-1", .click, ToyModel.now)])
    let truth = denseUser(toy, [(1, 1)])
    for place in 0..<8 { #expect(abs(Double(vector[place]) - truth[place]) < 1e-4) }
  }
}
