/// A train / test split, and perhaps a validation part, over one numbering of users and items.
public struct EvaluationSplit: Sendable {
  /// Without what is in `valid`.
  public let train: InteractionMatrix
  public let valid: InteractionMatrix?
  public let test: InteractionMatrix

  /// What a final model learns from, and what it must not recommend again: train and valid together.
  public let refit: InteractionMatrix

  /// The matrices have one shape. `valid` may be a part of `train`, as in LightGCN++'s files, or stand beside it, as in
  /// most: its pairs are taken out of `train` for tuning and are in `refit`, once, either way.
  public init(train: InteractionMatrix, valid: InteractionMatrix?, test: InteractionMatrix) throws(EvaluationError) {
    guard test.entryCount > 0 else { throw .nothingToTest }
    let rest = valid.map(train.removing) ?? train
    self.train = rest
    self.valid = valid
    self.test = test
    refit = valid.map(rest.merging) ?? train
  }

  /// Numbers the users and items of all parts by their ids, ascending, so that ties rank by id.
  public init(train: AdjacencyFile, valid: AdjacencyFile?, test: AdjacencyFile) throws(EvaluationError) {
    let files = [train, test] + (valid.map { [$0] } ?? [])
    let users = Numbering(files.flatMap(\.users))
    let items = Numbering(files.flatMap { $0.pairs.map(\.item) })
    func matrix(_ file: AdjacencyFile) -> InteractionMatrix {
      // 1 for a repeated pair too: in such a list "it happened" is all that is said.
      let entries = file.pairs.map { (user: users[$0.user], item: items[$0.item], weight: Float(1)) }
      return InteractionMatrix(userCount: users.count, itemCount: items.count, entries: entries).withUnitWeights()
    }
    try self.init(train: matrix(train), valid: valid.map(matrix), test: matrix(test))
  }
}

/// Ids to 0, 1, 2 … in ascending order. Dense ids, the usual case, are looked up in an array.
private struct Numbering {
  private let sorted: [UInt64]
  private let dense: [UInt32]

  init(_ ids: [UInt64]) {
    var distinct: [UInt64] = []
    for id in ids.sorted() where distinct.last != id { distinct.append(id) }
    sorted = distinct
    // A table of four slots an id costs less than the ids themselves.
    let largest = distinct.last ?? 0
    var dense: [UInt32] = []
    if largest < UInt64(4 * distinct.count + 1024) {
      dense = [UInt32](repeating: 0, count: Int(largest) + 1)
      for (index, id) in distinct.enumerated() { dense[Int(id)] = UInt32(index) }
    }
    self.dense = dense
  }

  var count: Int { sorted.count }

  subscript(id: UInt64) -> UInt32 {
    if !dense.isEmpty { return dense[Int(id)] }
    var range = 0..<sorted.count
    while range.count > 1 {
      let middle = range.lowerBound + range.count / 2
      range = sorted[middle] <= id ? middle..<range.upperBound : range.lowerBound..<middle
    }
    return UInt32(range.lowerBound)
  }
}
