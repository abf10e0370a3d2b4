/// Rows × columns of Float32, every value finite, as vectors are searched, trained and served.
///
/// Borrows the file's memory where that holds aligned floats; else converts, once, into memory of its own: float16 and
/// bfloat16 exactly, int8 times its scale. Immutable and shared freely.
public final class Matrix: @unchecked Sendable {
  public let rows: Int
  public let columns: Int
  private let base: UnsafePointer<Float>
  private let owner: Owner

  private enum Owner {
    /// Its mapping is where the values lie.
    case tensor(Tensor)
    case storage(UnsafeMutablePointer<Float>)
  }

  /// Reads a matrix and checks every value. O(rows × columns).
  public convenience init(_ source: TensorSource) throws(TensorError) { try self.init(source.open()) }

  /// - Throws: when the tensor has not two sides, no columns, elements that are no floats, or a value that is not finite.
  ///   An int8 tensor of a safetensors file needs another beside it with ".scale" behind its name (see `Scale`).
  public init(_ tensor: Tensor) throws(TensorError) {
    guard tensor.shape.count == 2 else {
      let fix = tensor.shape.count == 1 ? "; for a single row save x.reshape(1, -1)" : ""
      throw tensor.invalid(.wrongShape, "has shape \(text(of: tensor.shape)) where rows × columns are wanted\(fix)")
    }
    (rows, columns) = (tensor.shape[0], tensor.shape[1])
    guard columns > 0 else { throw tensor.invalid(.wrongShape, "has shape \(text(of: tensor.shape)): no columns") }
    if tensor.type == .f32, Int(bitPattern: tensor.base) % MemoryLayout<Float>.alignment == 0 {
      owner = .tensor(tensor)
      base = tensor.base.assumingMemoryBound(to: Float.self)
    } else {
      let storage = try Self.converted(tensor)
      owner = .storage(storage)
      base = UnsafePointer(storage)
    }
    try checkFinite(tensor)
  }

  /// A matrix of one's own values, row by row; they must be finite.
  public init(rows: Int, columns: Int, _ values: Span<Float>) {
    precondition(columns > 0 && rows >= 0 && values.count == rows * columns)
    (self.rows, self.columns) = (rows, columns)
    let storage = Self.storage(values.count)
    values.withUnsafeBufferPointer { if let first = $0.baseAddress { storage.update(from: first, count: $0.count) } }
    owner = .storage(storage)
    base = UnsafePointer(storage)
  }

  deinit { if case .storage(let storage) = owner { storage.deallocate() } }

  /// Whether the values are the file's own memory.
  public var isBorrowed: Bool { if case .tensor = owner { true } else { false } }

  @_lifetime(borrow self)
  public func row(_ index: Int) -> Span<Float> {
    precondition(index >= 0 && index < rows, "no such row")
    let span = Span(_unsafeStart: base + index * columns, count: columns)
    return _overrideLifetime(span, borrowing: self)
  }

  /// All values, row by row. The pointer must not leave `body`.
  public func withUnsafeBufferPointer<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeBufferPointer(start: base, count: rows * columns))
  }

  // MARK: - Checks

  private func checkFinite(_ tensor: Tensor) throws(TensorError) {
    for row in 0..<rows where !isFinite(base + row * columns, columns) {
      let column = (0..<columns).first { !base[row * columns + $0].isFinite }!
      throw tensor.invalid(
        .notFinite, "row \(row), column \(column) is \(base[row * columns + column]): every value must be finite")
    }
  }

  // MARK: - Conversion

  /// Rows begin where vector loads like it. Never of no bytes, so that there always is an address.
  private static func storage(_ count: Int) -> UnsafeMutablePointer<Float> {
    let bytes = max(1, count) * MemoryLayout<Float>.stride
    return UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(
      to: Float.self, capacity: max(1, count))
  }

  private static func converted(_ tensor: Tensor) throws(TensorError) -> UnsafeMutablePointer<Float> {
    let scale = tensor.type == .i8 ? try Scale.of(tensor) : nil
    guard [.f32, .f16, .bf16, .i8].contains(tensor.type) else {
      throw tensor.invalid(
        .unsupported, "has elements of type \(tensor.type.rawValue) where floats are wanted: \(tensor.type.asFloats)")
    }
    let (count, source) = (tensor.count, tensor.base)
    let storage = storage(count)
    switch tensor.type {
    case .f16:
      for index in 0..<count {
        storage[index] = float(half: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
      }
    case .bf16:
      for index in 0..<count {
        storage[index] = Float(
          bitPattern: UInt32(source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
      }
    case .i8:
      for index in 0..<count { storage[index] = Float(source.load(fromByteOffset: index, as: Int8.self)) }
      scale?.multiply(storage, rows: tensor.shape[0], columns: tensor.shape[1])
    default: if count > 0 { UnsafeMutableRawPointer(storage).copyMemory(from: source, byteCount: count * 4) }
    }
    return storage
  }
}

/// Whether no value is infinite or not a number. An exponent of all ones is both; a maximum has no branch.
private func isFinite(_ values: UnsafePointer<Float>, _ count: Int) -> Bool {
  var largest: Int32 = 0
  for index in 0..<count { largest = max(largest, Int32(truncatingIfNeeded: values[index].bitPattern & 0x7F80_0000)) }
  return largest != 0x7F80_0000
}

/// IEEE half precision. Moving the exponent's field and multiplying by 2^(127 - 15) is exact, subnormals included; by hand
/// because `Float(Float16)` calls a routine per value on x86-64 without F16C.
func float(half: UInt16) -> Float {
  let magnitude = Float(bitPattern: UInt32(half & 0x7FFF) << 13) * 0x1p112
  let value = half & 0x7C00 == 0x7C00 ? (half & 0x3FF == 0 ? Float.infinity : .nan) : magnitude
  return half & 0x8000 == 0 ? value : -value
}

/// What int8 codes are multiplied by: the float32 tensor NAME.scale beside NAME, one value for all (no side, or one of 1),
/// one per row (rows, or rows × 1), or one per column (1 × columns).
private struct Scale {
  let values: [Float]
  let isPerColumn: Bool

  /// nil in a .npy, which can hold no second tensor: its integers are taken as they are.
  static func of(_ codes: Tensor) throws(TensorError) -> Scale? {
    guard codes.file.format == .safetensors else { return nil }
    let name = codes.name + ".scale"
    guard let entry = codes.file.entries.first(where: { $0.name == name }) else {
      throw codes.invalid(.unsupported, "is int8 without a scale: save a float32 tensor \(quoted(name)) beside it")
    }
    let tensor = Tensor(file: codes.file, entry: entry)
    guard tensor.type == .f32 else {
      throw tensor.invalid(.unsupported, "has elements of type \(tensor.type.rawValue), a scale is float32")
    }
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    guard [[], [1], [rows], [rows, 1], [1, columns]].contains(tensor.shape) else {
      throw tensor.invalid(
        .wrongShape,
        "has shape \(text(of: tensor.shape)); a scale of \(rows) × \(columns) has (), (\(rows),), (\(rows), 1) or (1, \(columns))"
      )
    }
    let values = (0..<tensor.count).map { tensor.base.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      throw tensor.invalid(.notFinite, "value \(place) is \(values[place]): every value must be finite")
    }
    return Scale(values: values, isPerColumn: tensor.shape == [1, columns])
  }

  func multiply(_ storage: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    for row in 0..<rows {
      let target = storage + row * columns
      if isPerColumn {
        for column in 0..<columns { target[column] *= values[column] }
      } else {
        let scale = values.count == 1 ? values[0] : values[row]
        for column in 0..<columns { target[column] *= scale }
      }
    }
  }
}
