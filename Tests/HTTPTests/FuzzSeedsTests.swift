import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import HTTP

/// h2o's fuzzing corpus, replayed: whatever comes, no crash, no hang, ranges inside, the same verdict however it is cut.
struct FuzzSeedsTests {
  private static let archive = "http/fuzz-seeds.tar.gz"

  @Test(.enabled(if: SharedData.has(FuzzSeedsTests.archive), "shared data is not beside this checkout"))
  func `every fuzz seed is read the same whole and in pieces`() throws {
    let folder = TemporaryFolder()
    try #require(system("tar -xzf '\(SharedData.path(Self.archive))' -C '\(folder.path)'") == 0)
    let corpus = folder.file("http1-corpus")
    let names = try FileManager.default.contentsOfDirectory(atPath: corpus).sorted()
    #expect(names.count == 1972)
    var random = SeededRandom(seed: 20261122)
    var refused = 0
    for name in names {
      let input = Array(try Data(contentsOf: URL(filePath: corpus + "/" + name)))
      let whole = read(bytes: input)
      if whole.status != nil { refused += 1 }
      let byByte = read(bytes: input, cuts: 1..<max(1, input.count))
      #expect(byByte == whole, "\(name) byte by byte")
      for _ in 0..<4 {
        let cuts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
          Int.random(in: 0...input.count, using: &random)
        }.sorted()
        #expect(read(bytes: input, cuts: cuts) == whole, "\(name) cut at \(cuts)")
      }
    }
    #expect(refused > 1000, "most seeds are malformed; \(refused) were refused")
  }
}
