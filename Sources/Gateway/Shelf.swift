import Bytes
import Model
import Publishing

/// A placement with the snapshot that serves it, worked out once: what all requests for it share.
///
/// Each worker has its own, made anew when the snapshot changes; a visit or a search keeps the one that it began with.
/// Workers do not share them, because a counter of references that two cores write costs each of them a cache miss.
final class Shelf {
  /// Index in `Placements`.
  let index: Int
  let placement: Placements.Placement
  /// The snapshot; nil while none serves.
  let served: ServedModel?
  /// Of lists that no request has narrowed.
  let standardVariant: Variant
  /// What stands in every answer between its id and its items, and after its fallback.
  let opening: [UInt8]
  let closing: [UInt8]
  /// Whether the time of day is part of what a request asks for.
  let tellsTime: Bool

  init(_ index: Int, _ placement: Placements.Placement, _ served: ServedModel?) {
    self.index = index
    self.placement = placement
    self.served = served
    standardVariant = (try? placement.policy.variant(filter: .none)) ?? .standard
    opening = Array("\",\"placement\":\"\(placement.policy.name)\",\"items\":[".utf8)
    closing = Array(
      (served.map { ",\"model\":{\"name\":\"\($0.identity.name)\",\"version\":\($0.identity.version)}}" }
        ?? ",\"model\":null}").utf8)
    tellsTime = placement.policy.context.contains(.daypart)
  }

  var policy: PlacementPolicy { _read { yield placement.policy } }
}
