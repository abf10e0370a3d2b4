internal import Snapshots

/// Writes .npy files as numpy does: version 1.0, elements at a multiple of 64 bytes.
public enum NPYWriter {
  /// The file appears whole under its name, in place of one that may be there.
  /// - Parameter bytes: the elements, little endian, in C order; as many as the shape says.
  public static func write(_ bytes: RawSpan, type: TensorType, shape: [Int], path: String) throws(TensorError) {
    precondition(byteCount(shape, type) == bytes.byteCount, "the shape is not that of the elements")
    let header = head(try descr(type, path), shape)
    try writeWhole(path) { (file) throws(DiskError) in
      try file.append(header.span.bytes)
      try file.append(bytes)
    }
  }

  public static func write<Element: BitwiseCopyable>(
    _ elements: [Element], type: TensorType, shape: [Int], path: String
  )
    throws(TensorError)
  {
    let bytes = elements.span.bytes
    try write(bytes, type: type, shape: shape, path: path)
  }

  /// A matrix of floats, row by row.
  public static func write(_ rows: Span<Float>, columns: Int, path: String) throws(TensorError) {
    precondition(columns > 0 && rows.count % columns == 0)
    try write(rows.bytes, type: .f32, shape: [rows.count / columns, columns], path: path)
  }

  private static func descr(_ type: TensorType, _ path: String) throws(TensorError) -> String {
    switch type {
    case .f32: return "<f4"
    case .f16: return "<f2"
    case .f64: return "<f8"
    case .i8: return "|i1"
    case .u8: return "|u1"
    case .i32: return "<i4"
    case .i64: return "<i8"
    default: throw TensorError(.cannotWrite, "numpy has no type for \(type.rawValue)", file: path)
    }
  }

  static func head(_ descr: String, _ shape: [Int]) -> [UInt8] {
    var literal = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': \(text(of: shape)), }".utf8)
    let unpadded = NPYHeader.magic.count + 4 + literal.count + 1
    literal += repeatElement(UInt8(ascii: " "), count: (64 - unpadded % 64) % 64)
    literal.append(UInt8(ascii: "\n"))
    return NPYHeader.magic + [1, 0, UInt8(literal.count & 0xFF), UInt8(literal.count >> 8)] + literal
  }
}

/// Writes a file that appears whole or not at all.
func writeWhole(_ path: String, _ body: (TemporaryFile) throws(DiskError) -> Void) throws(TensorError) {
  do throws(DiskError) {
    let file = try TemporaryFile(target: path, disk: Disk())
    try body(file)
    try file.seal()
  } catch { throw TensorError(.cannotWrite, "cannot be written: \(error)", file: path) }
}
