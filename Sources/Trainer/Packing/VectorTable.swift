internal import Bytes
internal import Glibc
internal import Model
internal import Tensors

/// Rows of vectors that some trainer made, checked: every number is finite.
struct VectorTable {
  let path: String
  let rows: Int
  let dimension: Int
  /// Row-major.
  var values: [Float]
  /// What the file itself calls its rows.
  var ids: [String]?

  func row(_ index: Int) -> ArraySlice<Float> { values[index * dimension..<(index + 1) * dimension] }

  /// The length of each row, summed in double.
  func norms() -> [Float] {
    values.withUnsafeBufferPointer { values in
      (0..<rows).map { row in
        var sum = 0.0
        for place in row * dimension..<(row + 1) * dimension { sum += Double(values[place]) * Double(values[place]) }
        return Float(sum.squareRoot())
      }
    }
  }

  /// HᵀH, in double, a block of rows at a time so that no second copy of the whole is made.
  func gram() -> [Float] {
    let block = 1 << 16
    var sums = [Double](repeating: 0, count: dimension * dimension)
    for first in stride(from: 0, to: rows, by: block) {
      let last = min(rows, first + block)
      let part = FactorTable(rows: Array(values[first * dimension..<last * dimension]), dimension: dimension)
      for (place, value) in Gram(of: part, threads: 0).matrix.enumerated() { sums[place] += value }
    }
    return sums.map { Float($0) }
  }
}

// MARK: - Reading

extension VectorTable {
  /// What the rows stand for.
  enum Role {
    case items, users, centroids

    /// What the tensor is called in a safetensors file that holds several, the usual name first.
    var tensorNames: [String] {
      switch self {
      case .items: ["item_factors", "items", "item_vectors", "item_embeddings"]
      case .users: ["user_factors", "users", "user_vectors", "user_embeddings"]
      case .centroids: ["segment_centroids", "centroids", "segments"]
      }
    }

    /// What the ids of the rows are called there.
    var idNames: [String] {
      switch self {
      case .items: ["item_ids"]
      case .users: ["user_ids"]
      case .centroids: []
      }
    }
  }

  /// Reads `x.npy`, `x.safetensors` or `x.safetensors:name`, and the ids that a safetensors file has beside it.
  static func read(_ source: String, _ role: Role, _ progress: ProgressReceiver) throws(TrainError) -> VectorTable {
    progress(TrainProgress(.vectors, 0, of: 1, "files", note: source))
    let table: VectorTable
    do throws(TensorError) { table = try readTensor(TensorSource(source), role) } catch { throw TrainError(error) }
    guard table.rows > 0 else { throw TrainError(.badInput, "\(source) has no rows") }
    guard table.dimension <= ALSSettings.dimensionsMax else {
      throw TrainError(
        .badInput, "\(source) has rows of \(table.dimension) numbers; 1 to \(ALSSettings.dimensionsMax) are possible")
    }
    progress(TrainProgress(.vectors, 1, of: 1, "files", note: source))
    return table
  }

  private static func readTensor(_ source: TensorSource, _ role: Role) throws(TensorError) -> VectorTable {
    let file = try TensorFile(path: source.path)
    let names = Set(file.entries.map(\.name))
    let isSeveral = file.format == .safetensors && file.entries.count > 1
    let name = source.tensor ?? (isSeveral ? role.tensorNames.first(where: names.contains) : nil)
    let matrix = try Matrix(file.tensor(name))
    var ids: [String]?
    if let name = role.idNames.first(where: { names.contains($0) || names.contains($0 + ".data") }) {
      let identifiers = try Identifiers(file, name: name)
      guard identifiers.count == matrix.rows else {
        throw TensorError(
          .wrongShape, "has \(identifiers.count) ids for \(matrix.rows) rows", file: source.path, tensor: name)
      }
      ids = (0..<identifiers.count).map { identifiers[$0] }
    }
    return VectorTable(
      path: source.description, rows: matrix.rows, dimension: matrix.columns,
      values: matrix.withUnsafeBufferPointer { Array($0) }, ids: ids)
  }
}

extension TrainError {
  init(_ error: TensorError) {
    self.init(
      error.code == .unreadable ? .missingInput : .badInput, "\(error)",
      reason: error.code == .notFinite ? "non_finite_values" : nil)
  }
}
