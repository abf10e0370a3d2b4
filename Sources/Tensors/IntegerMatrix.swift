/// Rows × columns of integers, read where they lie: true neighbours, ids, offsets. I64, I32 or U8.
public struct IntegerMatrix: Sendable {
  public let rows: Int
  public let columns: Int
  private let tensor: Tensor

  public init(_ source: TensorSource) throws(TensorError) { try self.init(source.open()) }

  /// One side is a column of that many rows.
  public init(_ tensor: Tensor) throws(TensorError) {
    guard [.i64, .i32, .u8].contains(tensor.type) else {
      throw tensor.invalid(
        .unsupported, "has elements of type \(tensor.type.rawValue) where integers are wanted: save x.astype('int64')")
    }
    guard (1...2).contains(tensor.shape.count) else {
      throw tensor.invalid(.wrongShape, "has shape \(text(of: tensor.shape)) where one or two sides are wanted")
    }
    self.tensor = tensor
    rows = tensor.shape[0]
    columns = tensor.shape.count == 2 ? tensor.shape[1] : 1
  }

  public subscript(row: Int, column: Int) -> Int64 {
    precondition(row >= 0 && row < rows && column >= 0 && column < columns, "no such element")
    let place = row * columns + column
    switch tensor.type {
    case .i64: return tensor.base.loadUnaligned(fromByteOffset: 8 * place, as: Int64.self)
    case .i32: return Int64(tensor.base.loadUnaligned(fromByteOffset: 4 * place, as: Int32.self))
    default: return Int64(tensor.base.load(fromByteOffset: place, as: UInt8.self))
    }
  }

  /// The error about one element.
  public func invalid(_ row: Int, _ column: Int, _ detail: String) -> TensorError {
    tensor.invalid(.outOfRange, "row \(row), column \(column) is \(self[row, column]): \(detail)")
  }
}
