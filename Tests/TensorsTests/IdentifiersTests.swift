import TestSupport
import Testing

@testable import Tensors

struct IdentifiersTests {
  private typealias T = TensorBytes
  private let folder = TemporaryFolder()

  private func read(_ texts: [UInt8], _ offsets: [Int64]) throws -> [String] {
    var writer = SafetensorsWriter()
    writer.add("item_ids.data", type: .u8, shape: [texts.count], texts)
    writer.add("item_ids.offsets", type: .i64, shape: [offsets.count], offsets)
    try writer.write(path: folder.file("ids.safetensors"))
    let ids = try Identifiers(TensorSource(folder.file("ids.safetensors")))
    let named = try Identifiers(TensorFile(path: folder.file("ids.safetensors")), name: "item_ids")
    #expect(ids.count == named.count)
    return (0..<ids.count).map { ids[$0] }
  }

  private func fault(_ texts: [UInt8], _ offsets: [Int64]) -> TensorError? {
    do { _ = try read(texts, offsets) } catch { return error as? TensorError }
    return nil
  }

  @Test func `texts lie end to end between their offsets`() throws {
    #expect(try read(Array("a1Eulebc".utf8), [0, 2, 6, 8]) == ["a1", "Eule", "bc"])
    #expect(try read([], [0]) == [])
  }

  @Test func `numbers are their decimal text`() throws {
    try NPYWriter.write([3, -1, Int64.max] as [Int64], type: .i64, shape: [3], path: folder.file("ids.npy"))
    let ids = try Identifiers(TensorSource(folder.file("ids.npy")))
    #expect((0..<3).map { ids[$0] } == ["3", "-1", "9223372036854775807"])
  }

  @Test func `offsets that do not part the data are refused`() {
    let data = Array("abcd".utf8)
    for offsets: [Int64] in [
      [1, 4], [0, 3], [0, 5], [0, 3, 2, 4], [0, -1, 4], [0, Int64.max, 4], [Int64.min, 4], [],
    ] {
      #expect(fault(data, offsets) != nil, "\(offsets)")
    }
    #expect(fault(data, [0, 2, 2, 4])?.detail == "id 1 is empty")
    #expect(fault([0xC3, 0xA9, 0x41], [0, 1, 3])?.detail == "id 0 is not UTF-8")
  }

  @Test func `other types and shapes are refused`() throws {
    try NPYWriter.write([0] as [Float], type: .f32, shape: [1], path: folder.file("f.npy"))
    #expect(throws: TensorError.self) { try Identifiers(TensorSource(folder.file("f.npy"))) }
    try NPYWriter.write([1, 2, 3] as [Int64], type: .i64, shape: [3, 1], path: folder.file("i.npy"))
    #expect(throws: TensorError.self) { try Identifiers(TensorSource(folder.file("i.npy"))) }
  }

  @Test func `a matrix of integers reads I64, I32 and U8`() throws {
    try NPYWriter.write([1, -2, 3, 4] as [Int32], type: .i32, shape: [2, 2], path: folder.file("i.npy"))
    let four = try IntegerMatrix(TensorSource(folder.file("i.npy")))
    #expect([four[0, 0], four[0, 1], four[1, 0], four[1, 1]] == [1, -2, 3, 4])
    #expect(four.invalid(0, 1, "no").detail == "row 0, column 1 is -2: no")
    try NPYWriter.write([200, 5] as [UInt8], type: .u8, shape: [2], path: folder.file("u.npy"))
    #expect(try IntegerMatrix(TensorSource(folder.file("u.npy")))[0, 0] == 200)
    #expect(throws: TensorError.self) {
      try NPYWriter.write([0] as [Float], type: .f32, shape: [1], path: folder.file("f.npy"))
      _ = try IntegerMatrix(TensorSource(folder.file("f.npy")))
    }
  }
}
