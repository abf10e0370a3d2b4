import Bytes
import Model

/// What made a recommendation, as its id tells: the labels of impressions and clicks.
struct RecommendationSource: Hashable, Comparable, Sendable {
  let placement: UInt16
  let version: UInt64
  let arm: UInt16

  init(_ id: RecommendationID) {
    placement = id.placement
    version = id.version
    arm = id.arm
  }

  static func < (left: RecommendationSource, right: RecommendationSource) -> Bool {
    (left.placement, left.version, left.arm) < (right.placement, right.version, right.arm)
  }

  /// Sources beyond `SourceCounts.sourcesMax`: no version is 0.
  static let others = RecommendationSource(placement: 0, version: 0, arm: 0)

  private init(placement: UInt16, version: UInt64, arm: UInt16) {
    self.placement = placement
    self.version = version
    self.arm = arm
  }

  func labels(_ placements: Placements) -> [(String, String)] {
    let name = placements.names.first { RecommendationID.placementCode($0) == placement }
    return [("placement", name ?? ""), ("version", "\(version)"), ("arm", "\(arm)")]
  }
}

/// A counter for each source. Ids come from clients, who may write into them what they like: the number of sources is
/// bounded, and what would exceed it is counted as one.
struct SourceCounts: Sendable {
  /// A handful of placements × the versions of a day or two × arms: more are not from us.
  static let sourcesMax = 512

  private(set) var counts: [RecommendationSource: UInt64] = [:]

  mutating func add(_ count: UInt64, to source: RecommendationSource) {
    let isKnown = counts[source] != nil || counts.count < SourceCounts.sourcesMax
    counts[isKnown ? source : .others, default: 0] += count
  }

  mutating func add(_ other: SourceCounts) {
    for (source, count) in other.counts { add(count, to: source) }
  }
}
