import FoundationEssentials
import Testing

@testable import LoadLab

@Suite struct TasteCatalogueTests {
  private func made(_ body: (TasteCatalogue) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/taste-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let catalogue = try TasteCatalogue(items: 2_000, users: 50, dimensions: 16, folder: folder)
    try catalogue.make()
    try body(catalogue)
  }

  private func read(_ catalogue: TasteCatalogue, _ name: String) throws -> Data {
    try Data(contentsOf: URL(filePath: "\(catalogue.folder)/\(name)"))
  }

  @Test func `vectors are as many and as long as they should be`() throws {
    try made { catalogue in
      let file = try read(catalogue, "items.npy")
      let head = npyHeader(rows: 2_000, columns: 16)
      #expect(head.count % 64 == 0 && Array(file.prefix(head.count)) == head)
      #expect(file.count == head.count + 2_000 * 16 * 4)
      let values = file.dropFirst(head.count).withUnsafeBytes { raw in
        (0..<2_000 * 16).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      }
      let lengths = (0..<2_000).map { row in
        values[row * 16..<row * 16 + 16].reduce(0) { $0 + $1 * $1 }.squareRoot()
      }.sorted()
      // Log-normal of σ 0.25: the median is 1, 16 % lie above e^0.25.
      #expect(abs(lengths[1_000] - 1) < 0.05 && abs(lengths[1_683] - 1.284) < 0.06)
      #expect(try read(catalogue, "users.npy").count == npyHeader(rows: 50, columns: 16).count + 50 * 16 * 4)
    }
  }

  @Test func `every item is described, with two or three categories, and every user has met some`() throws {
    try made { catalogue in
      let lines = String(decoding: try read(catalogue, "items.csv"), as: UTF8.self).split(separator: "\n")
      #expect(lines.count == 2_001)
      for (item, line) in lines.dropFirst().enumerated() {
        let fields = line.split(separator: ",")
        #expect(fields.count == 5 && fields[0] == "\(item)" && (2...3).contains(fields[2].split(separator: "|").count))
      }
      let log = String(decoding: try read(catalogue, "interactions.csv"), as: UTF8.self).split(separator: "\n")
      #expect(Set(log.dropFirst().map { $0.split(separator: ",")[0] }).count == 50)
    }
  }

  @Test func `the same sizes give the same bytes, and what is there is not made again`() throws {
    var first = Data()
    try made { first = try read($0, "items.npy") }
    try made { catalogue in
      #expect(try read(catalogue, "items.npy") == first)
      try Data().write(to: URL(filePath: "\(catalogue.folder)/items.npy"))
      try catalogue.make()
      #expect(try read(catalogue, "items.npy").isEmpty)
    }
  }
}
