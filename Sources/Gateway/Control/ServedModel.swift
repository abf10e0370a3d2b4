import Bytes
import Model
import Publishing
import Snapshots

/// A loaded snapshot with all that the gateway derives from it once: key prefixes and rendered trending lists. Immutable
/// and shared by all workers; the mapping is released when the last of them has let go.
final class ServedModel: Sendable {
  let identity: ModelIdentity
  let model: ServingModel
  /// Of the model's items; the control loop writes it. What is rendered here once leaves nothing out: items come back.
  let availability: Availability
  /// By placement, in the order of `Placements`.
  let keys: [ListKeys]
  /// Under which other programs write lists, for the placements that read them.
  let externalKeys: [ExternalKeys?]
  /// Share of the exact answers to its own probes that the index finds.
  let probeRecall: Double
  /// Everyone's, then one a segment.
  let trending: [[UInt8]]
  /// Of the placements that the keys are for.
  let placementsGeneration: Int
  /// By placement, of those that have a filter: what is popular under it, for when nothing else is left.
  let popular: [[UInt8]?]

  /// Derives it all, and asks the snapshot's own probes: one whose index does not belong to its vectors fails a gate.
  init(_ model: ServingModel, _ identity: ModelIdentity, _ placements: Placements, namespace: String, now: UInt32)
    throws
  {
    self.identity = identity
    self.model = model
    availability = Availability(itemCount: model.itemCount)
    for item in model.withheldItems { availability.set(item, unavailable: true) }
    availability.publish()
    placementsGeneration = placements.generation
    (keys, externalKeys) = try ServedModel.keys(model, placements, namespace)
    let scratch = ComputeScratch()
    probeRecall = model.checkProbes(scratch).recall
    trending = try ([nil] + (0..<model.segmentCount).map(Optional.some)).map { segment in
      var list = ByteBuffer(capacity: 32768)
      _ = try model.renderTrending(
        segment: segment, for: .trending, keyHash: 0, now: now, scratch: scratch, into: &list)
      return list.bytes.copied()
    }
    popular = ServedModel.popular(model, placements, now, scratch)
  }

  private static func popular(
    _ model: ServingModel, _ placements: Placements, _ now: UInt32, _ scratch: ComputeScratch
  ) -> [[UInt8]?] {
    placements.all.map { placement in
      guard !placement.policy.filter.isEmpty else { return nil }
      var list = ByteBuffer(capacity: 32768)
      _ = model.renderPopular(for: placement.policy, keyHash: 0, now: now, scratch: scratch, into: &list)
      return list.bytes.copied()
    }
  }

  private static func keys(
    _ model: ServingModel, _ placements: Placements, _ namespace: String
  ) throws -> ([ListKeys], [ExternalKeys?]) {
    let keys = try placements.names.map { try model.keys(namespace: namespace, placement: $0) }
    let external = try placements.all.map {
      $0.policy.external ? try ExternalKeys(namespace: namespace, placement: $0.policy.name) : nil
    }
    return (keys, external)
  }

  /// The same snapshot under other placements.
  private init(_ other: ServedModel, _ placements: Placements, namespace: String) throws {
    (identity, model, availability) = (other.identity, other.model, other.availability)
    (probeRecall, trending) = (other.probeRecall, other.trending)
    placementsGeneration = placements.generation
    (keys, externalKeys) = try ServedModel.keys(model, placements, namespace)
    popular = ServedModel.popular(model, placements, unixSeconds(), ComputeScratch())
  }

  /// Itself, or the same snapshot with what these placements have of it. Cheap: nothing is proven again, and only what
  /// is popular under a filter is rendered.
  func serving(_ placements: Placements, namespace: String) -> ServedModel {
    guard placementsGeneration != placements.generation else { return self }
    // Names and namespace were checked with the configuration.
    return try! ServedModel(self, placements, namespace: namespace)
  }

  /// Opens a pulled file, whose checksums were verified when it came.
  convenience init(_ path: String, _ identity: ModelIdentity, _ placements: Placements, namespace: String) throws {
    let model = try ServingModel(
      Snapshot.open(path: path, verify: .structure), name: identity.name, version: identity.version,
      digest: identity.digest, checks: .structure)
    try self.init(model, identity, placements, namespace: namespace, now: unixSeconds())
  }
}

/// What every placement serves at one moment. Replaced as a whole.
struct Catalogue: Sendable {
  var generation = 0
  var models: [String: ServedModel] = [:]
  /// By model; each has a champion.
  var challengers: [String: Challenge] = [:]

  var isEmpty: Bool { models.isEmpty }

  /// The snapshot of a placement: of its own model, else of the only one.
  func served(_ policy: PlacementPolicy, default name: String?) -> ServedModel? {
    if let own = policy.model ?? name { return models[own] }
    return models.count == 1 ? models.values.first : nil
  }

  /// Beside that.
  func challenge(_ policy: PlacementPolicy, default name: String?) -> Challenge? {
    served(policy, default: name).flatMap { challengers[$0.identity.name] }
  }

  /// All that answer.
  var identities: [ModelIdentity] {
    models.values.map(\.identity) + challengers.values.map(\.served.identity)
  }
}
