import TestSupport
import Testing

@testable import Tensors

struct NPYWriterTests {
  private let folder = TemporaryFolder()

  @Test func `what is written is read`() throws {
    let values: [Float] = [1, -2, 3.5, 0, 1e-30, 7]
    try NPYWriter.write(values.span, columns: 3, path: folder.file("x.npy"))
    let matrix = try Matrix(TensorSource(folder.file("x.npy")))
    #expect(matrix.rows == 2 && matrix.columns == 3 && matrix.values == values)
    #expect(matrix.isBorrowed, "floats at a multiple of 64 bytes are used where they lie")
    let integers: [Int64] = [5, -6, 7]
    try NPYWriter.write(integers, type: .i64, shape: [3], path: folder.file("i.npy"))
    let read = try IntegerMatrix(TensorSource(folder.file("i.npy")))
    #expect(read.rows == 3 && read.columns == 1 && (0..<3).map { read[$0, 0] } == integers)
  }

  @Test func `the header is numpy's byte for byte`() {
    // numpy.save of a float32 array of 2 × 3, numpy 2.4.
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    let expected =
      [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(text.utf8)
      + [UInt8](repeating: 0x20, count: 117 - text.utf8.count) + [0x0A]
    #expect(NPYWriter.head("<f4", [2, 3]) == expected)
  }

  @Test func `a type that numpy lacks, or a folder that is not there, is an error`() {
    #expect(throws: TensorError.self) {
      try NPYWriter.write([] as [UInt8], type: .bf16, shape: [0], path: folder.file("x"))
    }
    #expect(throws: TensorError.self) {
      try NPYWriter.write([] as [UInt8], type: .f32, shape: [0], path: folder.file("no/x"))
    }
  }
}
