import Bytes
import Model
import Testing

@testable import Gateway

@Suite struct SourceCountsTests {
  private func source(_ version: Int) -> RecommendationSource {
    var text = ByteBuffer()
    text.append(String(repeating: "0", count: 26))
    RecommendationID.replace(at: 0, version: version, placement: 1, random: (0, 0), in: &text)
    return RecommendationSource(RecommendationID(text.bytes)!)
  }

  @Test func `sources beyond the bound are counted together, and none is lost`() {
    var counts = SourceCounts()
    let many = SourceCounts.sourcesMax * 3
    for version in 1...many { counts.add(2, to: source(version)) }
    #expect(counts.counts.count == SourceCounts.sourcesMax + 1)
    #expect(counts.counts.values.reduce(0, +) == UInt64(many) * 2)
    #expect(counts.counts[source(1)] == 2)
    #expect(counts.counts[.others] == UInt64(many - SourceCounts.sourcesMax) * 2)
  }
}
