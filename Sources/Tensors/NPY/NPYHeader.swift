/// The head of a .npy file (numpy/lib/format.py), versions 1.0, 2.0 and 3.0:
///
///     \x93NUMPY  major minor  u16 (1.0) or u32 (2.0, 3.0) length, little endian
///     {'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }   spaces, newline; then the elements
enum NPYHeader {
  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  /// numpy itself refuses longer ones than 10,000 (structured types have long heads, which are not taken here).
  static let literalBytesMax = 10_000

  static func begins(_ bytes: RawSpan) -> Bool {
    // A file cut off inside the magic is a .npy as far as it goes, and gets a .npy's message.
    let count = min(bytes.byteCount, magic.count)
    return (0..<count).allSatisfy { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == magic[$0] }
  }

  static func read(_ bytes: RawSpan, _ file: String) throws(TensorError) -> TensorFile.Entry {
    func malformed(_ detail: String, at offset: Int) -> TensorError {
      TensorError(.malformed, detail, file: file, offset: offset)
    }
    guard bytes.byteCount >= 10 else { throw malformed("ends inside the header", at: bytes.byteCount) }
    let (major, minor) = (byte(bytes, 6), byte(bytes, 7))
    guard (1...3).contains(major), minor == 0 else {
      throw TensorError(
        .unsupported, "has .npy version \(major).\(minor); 1.0, 2.0 and 3.0 are taken", file: file, offset: 6)
    }
    let start = major == 1 ? 10 : 12
    guard bytes.byteCount >= start else { throw malformed("ends inside the header", at: bytes.byteCount) }
    let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(byte(bytes, $1)) }
    guard length <= literalBytesMax else {
      throw malformed("has a header of \(length) bytes, \(literalBytesMax) are the most", at: 8)
    }
    guard length <= bytes.byteCount - start else {
      throw malformed("ends inside the header, which has \(length) bytes", at: bytes.byteCount)
    }
    var literal = NPYLiteral(bytes, start..<start + length, file)
    return try entry(try literal.read(), dataStart: start + length, fileBytes: bytes.byteCount, file)
  }

  private static func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  private static func entry(_ fields: NPYLiteral.Fields, dataStart: Int, fileBytes: Int, _ file: String)
    throws(TensorError) -> TensorFile.Entry
  {
    let type = try type(of: fields.descr, file)
    // One side or none has the same order either way, and so has a matrix of one row or column; numpy says False then.
    guard !fields.isFortran else {
      throw TensorError(.unsupported, "is in Fortran order: save np.ascontiguousarray(x)", file: file)
    }
    guard let wanted = byteCount(fields.shape, type) else {
      throw TensorError(.malformed, "has a shape of more elements than can be: \(text(of: fields.shape))", file: file)
    }
    let present = fileBytes - dataStart
    guard present >= wanted else {
      let short =
        "is cut short: \(text(of: fields.shape)) of \(fields.descr) are \(wanted) bytes, and \(present) are there"
      throw TensorError(.malformed, short, file: file, offset: fileBytes)
    }
    guard present == wanted else {
      throw TensorError(
        .malformed, "goes on for \(present - wanted) bytes after its elements", file: file, offset: dataStart + wanted)
    }
    return TensorFile.Entry(name: "", type: type, shape: fields.shape, offset: dataStart, byteCount: wanted)
  }

  /// What is taken of numpy's type names; the rest is refused with the way out.
  private static func type(of descr: String, _ file: String) throws(TensorError) -> TensorType {
    if let type = types[descr] { return type }
    throw TensorError(.unsupported, "holds \(fault(of: descr))", file: file)
  }

  private static let types: [String: TensorType] = [
    "<f4": .f32, "<f2": .f16, "|i1": .i8, "<i1": .i8, "<i4": .i32, "<i8": .i64, "|u1": .u8, "<u1": .u8,
  ]

  private static func fault(of descr: String) -> String {
    switch descr.first {
    case ">": return "big-endian numbers (\(quoted(descr))): save x.astype(x.dtype.newbyteorder('<'))"
    case "[": return "a structured type: save one field, np.ascontiguousarray(x['name'])"
    default: break
    }
    switch descr.drop(while: { "<|=".contains($0) }).first {
    case "O": return "Python objects (pickle), which are never loaded: save x.astype('float32'), ids as int64"
    case "U", "S":
      return "strings (\(quoted(descr))): number the ids as int64, or use safetensors with .data and .offsets"
    case "f": return "floats of a size that is not taken (\(quoted(descr))): save x.astype('float32')"
    case "i", "u", "b": return "integers of a kind that is not taken (\(quoted(descr))): save x.astype('int64')"
    case "V": return "raw bytes (\(quoted(descr))), as bfloat16 is saved: save x.astype('float32'), or use safetensors"
    default: return "elements of type \(quoted(descr)): save x.astype('float32')"
    }
  }
}
