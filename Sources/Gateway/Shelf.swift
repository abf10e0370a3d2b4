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
  /// Where `VersionTable` counts what the snapshot does.
  let row: UInt8
  /// Stands in the ids of answers.
  let arm: UInt16
  /// The same placement with the challenger's snapshot, and who sees that.
  let challenger: Shelf?
  let split: Split?
  /// The champion's once more, for requests that name nobody while a canary runs: they never see the challenger, so what
  /// becomes of them must not be compared with what becomes of it. Counted in a row apart, with no arm in their ids.
  let bystander: Shelf?
  /// Of lists that no request has narrowed.
  let standardVariant: Variant

  // What every answer needs of the policy, so that none of its texts and tables is touched on a hit.
  let freshSeconds: UInt32
  let staleSeconds: UInt32
  let filter: ItemFilter
  let hasContext: Bool
  /// Whether the time of day is part of what a request asks for.
  let tellsTime: Bool
  /// What stands in every answer between its id and its items, and after its fallback.
  let opening: ByteBuffer
  let closing: ByteBuffer

  init(
    _ index: Int, _ placement: Placements.Placement, _ served: ServedModel?, row: UInt8 = VersionTable.noRow,
    arm: CanaryArm? = nil, challenger: Shelf? = nil, split: Split? = nil, bystander: Shelf? = nil
  ) {
    let policy = placement.policy
    (self.row, self.arm, self.challenger, self.split) = (row, arm?.code ?? CanaryArm.none, challenger, split)
    self.bystander = bystander
    self.index = index
    self.placement = placement
    self.served = served
    standardVariant = (try? policy.variant(filter: .none)) ?? .standard
    freshSeconds = policy.freshSeconds
    staleSeconds = policy.staleSeconds
    filter = policy.filter
    hasContext = !policy.context.isEmpty
    tellsTime = policy.context.contains(.daypart)
    opening = ByteBuffer(text: "\",\"placement\":\"\(policy.name)\",\"items\":[")
    closing = ByteBuffer(
      text: served.map { ",\"model\":{\"name\":\"\($0.identity.name)\",\"version\":\($0.identity.version)}}" }
        ?? ",\"model\":null}")
  }

  var policy: PlacementPolicy { _read { yield placement.policy } }
}

extension ByteBuffer {
  fileprivate init(text: String) {
    self.init(capacity: text.utf8.count)
    append(text)
  }
}
