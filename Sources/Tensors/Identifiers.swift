/// What items or users are called: numbers (I64, their decimal text is the id), or texts as safetensors can hold them:
/// NAME.data, U8, all texts end to end, and NAME.offsets, I64, where each begins and the last ends (n + 1 values).
public struct Identifiers: Sendable {
  public let count: Int
  private let form: Form

  private enum Form: Sendable {
    case numbers(IntegerMatrix)
    case texts(data: Tensor, offsets: IntegerMatrix)
  }

  /// From `ids.npy`, `file.safetensors:name` or a safetensors file's only ids. Every text is checked. O(bytes).
  public init(_ source: TensorSource) throws(TensorError) {
    try self.init(TensorFile(path: source.path), name: source.tensor)
  }

  /// - Parameter name: of a tensor of numbers, or of the pair without ".data" and ".offsets". Without one the file must hold
  ///   one tensor, or one such pair.
  public init(_ file: TensorFile, name: String? = nil) throws(TensorError) {
    let name = name ?? Self.onlyPair(file)
    if let name, file.entries.contains(where: { $0.name == name + ".data" }) {
      try self.init(data: file.tensor(name + ".data"), offsets: file.tensor(name + ".offsets"))
    } else {
      try self.init(numbers: file.tensor(name))
    }
  }

  private static func onlyPair(_ file: TensorFile) -> String? {
    let names = file.entries.map(\.name).filter { $0.hasSuffix(".data") }
    return names.count == 1 && file.entries.count == 2 ? String(names[0].dropLast(".data".count)) : nil
  }

  private init(numbers tensor: Tensor) throws(TensorError) {
    guard tensor.type == .i64 || tensor.type == .i32 else {
      throw tensor.invalid(
        .unsupported,
        "has elements of type \(tensor.type.rawValue) where ids are wanted: save int64, or .data (uint8) and .offsets")
    }
    guard tensor.shape.count == 1 else {
      throw tensor.invalid(.wrongShape, "has shape \(text(of: tensor.shape)) where one side is wanted: save x.ravel()")
    }
    count = tensor.shape[0]
    form = .numbers(try IntegerMatrix(tensor))
  }

  private init(data: Tensor, offsets tensor: Tensor) throws(TensorError) {
    guard data.type == .u8, data.shape.count == 1 else {
      throw data.invalid(.wrongShape, "must be one side of U8, and is \(text(of: data.shape)) of \(data.type.rawValue)")
    }
    guard tensor.type == .i64, tensor.shape.count == 1, tensor.shape[0] >= 1 else {
      throw tensor.invalid(
        .wrongShape,
        "must be one side of I64, one value more than ids, and is \(text(of: tensor.shape)) of \(tensor.type.rawValue)")
    }
    let offsets = try IntegerMatrix(tensor)
    count = offsets.rows - 1
    form = .texts(data: data, offsets: offsets)
    guard offsets[0, 0] == 0 else { throw offsets.invalid(0, 0, "offsets begin with 0") }
    for row in 0..<count where offsets[row + 1, 0] < offsets[row, 0] || offsets[row + 1, 0] > Int64(data.count) {
      throw offsets.invalid(row + 1, 0, "offsets must grow, up to the \(data.count) bytes of data")
    }
    guard offsets[count, 0] == Int64(data.count) else {
      throw offsets.invalid(count, 0, "offsets must end with the \(data.count) bytes of data")
    }
    for row in 0..<count {
      let (start, length) = (Int(offsets[row, 0]), Int(offsets[row + 1, 0] - offsets[row, 0]))
      guard length > 0 else { throw data.invalid(.outOfRange, "id \(row) is empty") }
      let bytes = UnsafeRawBufferPointer(start: data.base + start, count: length)
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw data.invalid(.outOfRange, "id \(row) is not UTF-8")
      }
    }
  }

  /// The id in a row.
  public subscript(row: Int) -> String {
    precondition(row >= 0 && row < count, "no such id")
    switch form {
    case .numbers(let numbers): return String(numbers[row, 0])
    case .texts(let data, let offsets):
      let (start, end) = (Int(offsets[row, 0]), Int(offsets[row + 1, 0]))
      return String(decoding: UnsafeRawBufferPointer(start: data.base + start, count: end - start), as: UTF8.self)
    }
  }
}
