import TestSupport
import Testing

@testable import Tensors

struct NPYHeaderTests {
  @Test(arguments: [UInt8(1), 2, 3])
  func `versions 1, 2 and 3 are read`(version: UInt8) throws {
    let bytes = TensorBytes.npy(TensorBytes.literal(), TensorBytes.floats, version: version)
    let (format, entries) = try TensorFile.read(bytes.span.bytes, "x")
    #expect(format == .npy && entries.count == 1)
    #expect(entries[0].shape == [2, 3] && entries[0].type == .f32)
    #expect(entries[0].offset % 64 == 0 && entries[0].byteCount == 24)
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
    "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}",
    "{ 'shape' : ( 2L , 3L ) , 'descr' : '<f4' , 'fortran_order' : False , } \n  ",
  ])
  func `a dict is read however Python may have written it`(literal: String) throws {
    let bytes = TensorBytes.npy(literal, TensorBytes.floats, pads: false)
    let (_, entries) = try TensorFile.read(bytes.span.bytes, "x")
    #expect(entries[0].shape == [2, 3])
  }

  @Test(arguments: [
    ("<f4", TensorType.f32, 4), ("<f2", .f16, 2), ("|i1", .i8, 1), ("<i4", .i32, 4), ("<i8", .i64, 8), ("|u1", .u8, 1),
  ])
  func `the types that are taken are known`(descr: String, type: TensorType, size: Int) throws {
    let bytes = TensorBytes.npy(TensorBytes.literal(descr), [UInt8](repeating: 0, count: 6 * size))
    let (_, entries) = try TensorFile.read(bytes.span.bytes, "x")
    #expect(entries[0].type == type)
  }

  @Test func `a scalar, a row and an array without elements have shapes too`() throws {
    for (shape, sides, bytes) in [("()", [], 4), ("(5,)", [5], 20), ("(0, 128)", [0, 128], 0), ("(3, 0)", [3, 0], 0)] {
      let file = TensorBytes.npy(TensorBytes.literal(shape: shape), [UInt8](repeating: 0, count: bytes))
      let (_, entries) = try TensorFile.read(file.span.bytes, "x")
      #expect(entries[0].shape == sides && entries[0].byteCount == bytes)
    }
  }

  // MARK: - What is refused, and what is said about it

  @Test(arguments: [
    ("<f8", "save x.astype('float32')"), (">f4", "newbyteorder"), ("|O", "never loaded"), ("<U12", "strings"),
    ("|S8", "strings"), ("<u8", "astype('int64')"), ("|b1", "astype('int64')"), ("|V2", "bfloat16"), ("<c8", "float32"),
    ("", "elements of type"), ("🦉", "elements of type"),
  ])
  func `a type that is not taken is refused with the way out`(descr: String, fix: String) {
    let error = TensorBytes.fault(TensorBytes.npy(TensorBytes.literal(descr)))
    #expect(error?.code == .unsupported && error?.detail.contains(fix) == true, "\(String(describing: error))")
  }

  @Test func `a structured type is refused with the way out`() {
    let literal = "{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (3,), }"
    let error = TensorBytes.fault(TensorBytes.npy(literal))
    #expect(error?.code == .unsupported && error?.detail.contains("save one field") == true)
  }

  @Test func `Fortran order is refused with the way out`() {
    let error = TensorBytes.fault(TensorBytes.npy(TensorBytes.literal(fortran: "True"), TensorBytes.floats))
    #expect(error?.description == "x: is in Fortran order: save np.ascontiguousarray(x)")
  }

  @Test(arguments: [
    ("", "ends too early"), ("(2, 3)", "no \"{\""), ("{}", "no 'descr'"), ("{'descr': '<f4'}", "no 'fortran_order'"),
    ("{'descr': '<f4', 'fortran_order': False}", "no 'shape'"),
    ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", "twice"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': ()}", "does not write"),
    ("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "neither True nor False"),
    ("{'descr': '<f4, 'fortran_order': False, 'shape': ()}", "no"),
    ("{'descr': '<f4", "without an end"), ("{'descr': '\\x3cf4'}", "no plain text"), ("{descr: '<f4'}", "no string"),
    ("{'descr' '<f4'}", "no \":\""), ("{'shape': (5)}", "no tuple"), ("{'shape': [5]}", "no \"(\""),
    ("{'shape': (-1,)}", "no number"), ("{'shape': (1 2)}", "no tuple"), ("{'shape': (1,2 3)}", "no \")\""),
    ("{'shape': (0x10,)}", "no tuple"),
    ("{'shape': (99999999999999999999,)}", "too large"), ("{'shape': (1,2", "too early"),
    ("{'shape': (,)}", "no number"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': ()} import os", "behind the header's dict"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': ()", "too early"),
    ("{'shape': (" + String(repeating: "1,", count: 65) + ")}", "64 sides"),
  ])
  func `a malformed dict is refused`(literal: String, detail: String) {
    let error = TensorBytes.fault(TensorBytes.npy(literal, pads: false))
    #expect(
      error?.code == .malformed && error?.detail.contains(detail) == true, "\(literal): \(String(describing: error))")
    #expect(error?.offset != nil)
  }

  @Test func `a shape whose product overflows is refused`() {
    for shape in ["(4611686018427387904, 4)", "(9223372036854775807,)", "(4294967296, 4294967296, 4294967296)"] {
      let error = TensorBytes.fault(TensorBytes.npy(TensorBytes.literal(shape: shape)))
      #expect(error?.code == .malformed && error?.detail.contains("more elements than can be") == true)
    }
  }

  @Test func `elements must be as many as the shape says`() {
    let short = TensorBytes.fault(TensorBytes.npy(TensorBytes.literal(), Array(TensorBytes.floats.dropLast())))
    #expect(short?.detail == "is cut short: (2, 3) of <f4 are 24 bytes, and 23 are there")
    let long = TensorBytes.fault(TensorBytes.npy(TensorBytes.literal(), TensorBytes.floats + [0]))
    #expect(long?.detail == "goes on for 1 bytes after its elements" && long?.offset == 128 + 24)
  }

  @Test func `another version is refused`() {
    for version: (UInt8, UInt8) in [(0, 0), (4, 0), (1, 1), (255, 255)] {
      var bytes = TensorBytes.npy(TensorBytes.literal(), TensorBytes.floats)
      (bytes[6], bytes[7]) = version
      #expect(TensorBytes.fault(bytes)?.code == .unsupported)
    }
  }

  @Test func `a header that claims to be longer than the file, or than any header, is refused`() {
    for length: [UInt8] in [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0x80], [0x11, 0x27, 0, 0], [0x10, 0x27, 0, 0]] {
      var bytes = TensorBytes.npy(TensorBytes.literal(), TensorBytes.floats, version: 2)
      bytes.replaceSubrange(8..<12, with: length)
      #expect(TensorBytes.fault(bytes)?.code == .malformed, "\(length)")
    }
  }

  @Test func `a file cut short at any byte is refused, and nothing is read beyond`() {
    for version: UInt8 in 1...3 {
      let bytes = TensorBytes.npy(TensorBytes.literal(), TensorBytes.floats, version: version)
      for count in 1..<bytes.count {
        #expect(TensorBytes.fault(Array(bytes[..<count]))?.code == .malformed, "version \(version), \(count) bytes")
      }
    }
  }
}
