/// What one element of a tensor is. Raw values are safetensors' names.
public enum TensorType: String, Sendable, CaseIterable {
  case f32 = "F32", f16 = "F16", bf16 = "BF16", i8 = "I8", i64 = "I64", i32 = "I32", u8 = "U8"
  /// Known, so that a file may hold them beside what is wanted, but not taken.
  case bool = "BOOL", i16 = "I16", u16 = "U16", u32 = "U32", u64 = "U64", f64 = "F64", c64 = "C64"
  case f4 = "F4", f6E2M3 = "F6_E2M3", f6E3M2 = "F6_E3M2"
  case f8E5M2 = "F8_E5M2", f8E4M3 = "F8_E4M3", f8E8M0 = "F8_E8M0", f8E4M3FNUZ = "F8_E4M3FNUZ", f8E5M2FNUZ =
    "F8_E5M2FNUZ"

  var bits: Int {
    switch self {
    case .f4: 4
    case .f6E2M3, .f6E3M2: 6
    case .i8, .u8, .bool, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: 8
    case .f16, .bf16, .i16, .u16: 16
    case .f32, .i32, .u32: 32
    case .i64, .u64, .f64, .c64: 64
    }
  }

  /// What to do with a tensor of this type where floats are wanted; the end of a sentence.
  var asFloats: String { self == .f64 ? "save x.astype('float32')" : "save it as float32" }
}

/// Bytes of `shape` elements of a type; nil where that overflows or is no whole number of bytes.
func byteCount(_ shape: [Int], _ type: TensorType) -> Int? {
  guard let elements = elementCount(shape) else { return nil }
  let (bits, overflow) = elements.multipliedReportingOverflow(by: type.bits)
  return overflow || bits % 8 != 0 ? nil : bits / 8
}

/// The product of a shape; nil where a side is negative or the product overflows. Of no sides: 1, a scalar.
func elementCount(_ shape: [Int]) -> Int? {
  guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
  // Zero wins over any overflow beside it.
  if shape.contains(0) { return 0 }
  var product = 1
  for side in shape {
    let (next, overflow) = product.multipliedReportingOverflow(by: side)
    if overflow { return nil }
    product = next
  }
  return product
}

/// `(1000, 128)`, `(5,)`, `()`: as numpy writes shapes, which is what whoever made the file knows.
func text(of shape: [Int]) -> String {
  shape.count == 1 ? "(\(shape[0]),)" : "(" + shape.map(String.init).joined(separator: ", ") + ")"
}
