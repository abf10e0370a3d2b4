import TestSupport
import Testing

@testable import Tensors

struct MatrixTests {
  private typealias T = TensorBytes
  private let folder = TemporaryFolder()

  private func npy(_ descr: String, _ shape: String, _ elements: [UInt8]) throws -> Matrix {
    let path = folder.put(T.npy(T.literal(descr, shape: shape), elements), "\(UInt32.random(in: 0 ... .max)).npy")
    return try Matrix(TensorSource(path))
  }

  private func safetensors(_ parts: [(String, TensorType, [Int], [UInt8])]) throws -> TensorFile {
    var writer = SafetensorsWriter()
    for (name, type, shape, bytes) in parts { writer.add(name, type: type, shape: shape, bytes) }
    let path = folder.file("\(UInt32.random(in: 0 ... .max)).safetensors")
    try writer.write(path: path)
    return try TensorFile(path: path)
  }

  @Test func `aligned floats are borrowed, and rows are rows`() throws {
    let matrix = try npy("<f4", "(2, 3)", T.floats)
    #expect(matrix.isBorrowed && matrix.rows == 2 && matrix.columns == 3)
    let row = matrix.row(1)
    #expect(row.count == 3 && row[0] == 4 && row[2] == 6)
  }

  @Test(arguments: 1..<4)
  func `floats at an odd place are copied`(spaces: Int) throws {
    let text = T.literal() + String(repeating: " ", count: (64 - (10 + T.literal().utf8.count) % 64) + spaces)
    let path = folder.put(T.npy(text, T.floats, pads: false), "odd\(spaces).npy")
    let matrix = try Matrix(TensorSource(path))
    #expect(!matrix.isBorrowed && matrix.values == [1, 2, 3, 4, 5, 6])
  }

  @Test func `every half is converted exactly`() {
    for bits in UInt16.min ... .max {
      let expected = Float(Float16(bitPattern: bits))
      let got = float(half: bits)
      if expected.isNaN { #expect(got.isNaN) } else { #expect(got.bitPattern == expected.bitPattern, "half \(bits)") }
    }
  }

  @Test func `float16, bfloat16 and bytes become floats`() throws {
    let halves = T.elements([Float16(1.5), -2, 65504, 6e-8].map(\.bitPattern))
    #expect(try npy("<f2", "(2, 2)", halves).values == [1.5, -2, 65504, Float(Float16(6e-8))])
    #expect(try npy("|i1", "(1, 3)", [0x80, 0xFF, 0x7F]).values == [-128, -1, 127])
    let brains = T.elements([Float(1.5), -0.007, 3e38].map { UInt16($0.bitPattern >> 16) })
    let file = try safetensors([("x", .bf16, [3, 1], brains)])
    let matrix = try Matrix(file.tensor("x"))
    #expect(matrix.values.map { $0.bitPattern & 0xFFFF } == [0, 0, 0] && matrix.values[0] == 1.5)
  }

  @Test(
    arguments: [
      ([], [2], [2, 4, 6, 8, 10, 12]), ([1], [2], [2, 4, 6, 8, 10, 12]), ([2], [1, 10], [1, 2, 3, 40, 50, 60]),
      ([2, 1], [1, 10], [1, 2, 3, 40, 50, 60]), ([1, 3], [1, 0, -1], [1, 0, -3, 4, 0, -6]),
    ] as [([Int], [Float], [Float])])
  func `int8 codes are multiplied by their scale`(shape: [Int], scale: [Float], expected: [Float]) throws {
    let file = try safetensors([("x", .i8, [2, 3], [1, 2, 3, 4, 5, 6]), ("x.scale", .f32, shape, T.elements(scale))])
    #expect(try Matrix(file.tensor("x")).values == expected)
  }

  @Test func `int8 without a scale, or with a wrong one, is refused`() throws {
    func fault(_ parts: [(String, TensorType, [Int], [UInt8])]) throws -> TensorError? {
      let file = try safetensors([("x", .i8, [2, 3], [1, 2, 3, 4, 5, 6])] + parts)
      do throws(TensorError) { _ = try Matrix(file.tensor("x")) } catch { return error }
      return nil
    }
    #expect(try fault([])?.detail == "is int8 without a scale: save a float32 tensor \"x.scale\" beside it")
    #expect(try fault([("x.scale", .f32, [3], T.elements([1, 2, 3] as [Float]))])?.code == .wrongShape)
    #expect(try fault([("x.scale", .f16, [], [0, 0])])?.code == .unsupported)
    #expect(try fault([("x.scale", .f32, [1], T.elements([Float.nan]))])?.code == .notFinite)
    #expect(
      try fault([("x.scale", .f32, [1], T.elements([Float.greatestFiniteMagnitude]))])?.code == .notFinite,
      "the product is infinite")
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN])
  func `a value that is not finite is refused by row and column`(value: Float) {
    var values = [Float](repeating: 1, count: 700 * 33)
    values[533 * 33 + 32] = value
    let error = matrixFault(T.npy(T.literal(shape: "(700, 33)"), T.elements(values)))
    #expect(
      error?.code == .notFinite && error?.detail.contains("row 533, column 32 is") == true,
      "\(String(describing: error))")
  }

  @Test func `a half that is not finite is refused`() {
    #expect(matrixFault(T.npy(T.literal("<f2", shape: "(1, 2)"), [0, 0, 0, 0x7C]))?.code == .notFinite)
    #expect(matrixFault(T.npy(T.literal("<f2", shape: "(1, 2)"), [1, 0x7C, 0, 0]))?.code == .notFinite)
  }

  @Test func `the largest and smallest floats are finite`() throws {
    let values: [Float] = [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0]
    #expect(try npy("<f4", "(2, 2)", T.elements(values)).values == values)
  }

  @Test func `a shape that is no matrix is refused`() {
    let row = matrixFault(T.npy(T.literal(shape: "(6,)"), T.floats))
    #expect(row?.code == .wrongShape && row?.detail.contains("x.reshape(1, -1)") == true)
    #expect(matrixFault(T.npy(T.literal(shape: "(1, 2, 3)"), T.floats))?.code == .wrongShape)
    #expect(matrixFault(T.npy(T.literal(shape: "(5, 0)")))?.detail.contains("no columns") == true)
  }

  @Test func `a matrix of no rows is one`() throws {
    let matrix = try npy("<f4", "(0, 128)", [])
    #expect(matrix.rows == 0 && matrix.columns == 128 && matrix.values.isEmpty)
  }

  @Test(arguments: ["<i8", "<i4", "|u1"])
  func `integers are no vectors`(descr: String) {
    let bytes = [UInt8](repeating: 0, count: 6 * (descr == "<i8" ? 8 : descr == "<i4" ? 4 : 1))
    #expect(matrixFault(T.npy(T.literal(descr), bytes))?.detail.contains("save it as float32") == true)
  }

  @Test func `float64 of safetensors is refused with the way out`() throws {
    let file = try safetensors([("x", .f64, [1, 1], [UInt8](repeating: 0, count: 8))])
    #expect(
      throws: TensorError(
        .unsupported, "has elements of type F64 where floats are wanted: save x.astype('float32')", file: file.path,
        tensor: "x")
    ) {
      try Matrix(file.tensor())
    }
  }
}
