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

  func labels(_ placements: Placements) -> [(String, String)] {
    let name = placements.names.first { RecommendationID.placementCode($0) == placement }
    return [("placement", name ?? ""), ("version", "\(version)"), ("arm", "\(arm)")]
  }
}
