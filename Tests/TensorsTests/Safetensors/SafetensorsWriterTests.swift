import TestSupport
import Testing

@testable import Tensors

struct SafetensorsWriterTests {
  private let folder = TemporaryFolder()

  @Test func `what is written is read, wide types first`() throws {
    var writer = SafetensorsWriter()
    writer.add("b", type: .u8, shape: [3], [1, 2, 3] as [UInt8])
    writer.add("vectors", type: .f32, shape: [2, 2], [1, 2, 3, 4] as [Float])
    writer.add("ids", type: .i64, shape: [2], [7, 8] as [Int64])
    writer.add("a \"quoted\"\n\\name", type: .u8, shape: [0], [] as [UInt8])
    try writer.write(path: folder.file("x.safetensors"))
    let file = try TensorFile(path: folder.file("x.safetensors"))
    #expect(Set(file.entries.map(\.name)) == ["ids", "vectors", "a \"quoted\"\n\\name", "b"])
    #expect(file.entries.first?.name == "ids")
    #expect(file.entries[0].offset % 8 == 0)
    let matrix = try Matrix(file.tensor("vectors"))
    #expect(matrix.values == [1, 2, 3, 4] && matrix.isBorrowed)
  }
}
