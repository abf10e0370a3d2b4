import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots
import Tensors
import TestSupport
import Trainer

/// The bookshop's model trained once more, and its factors packed anew: as they are, or damaged as pipelines damage them.
final class Retraining: Sendable {
  /// On nine tenths of the interactions, and from another start.
  static let shared = Retraining(share: 0.9, seed: 2)

  let snapshotPath: String
  let factors: Factors
  /// What they were trained with.
  private let foldIn: ALSSettings
  private let interactionsPath: String
  private let itemIDs: [String]
  private let userIDs: [String]
  private nonisolated(unsafe) let folder = TemporaryFolder()

  init(share: Double, seed: UInt64) {
    let original = TrainedModel.shared
    let lines = String(decoding: try! Data(contentsOf: URL(filePath: original.interactionsPath)), as: UTF8.self)
      .split(separator: "\n").map(String.init)
    let rows = lines.dropFirst().prefix(Int(Double(lines.count - 1) * share))
    interactionsPath = folder.write(([lines[0]] + rows).joined(separator: "\n") + "\n", to: "interactions.csv")
    snapshotPath = folder.file("retrained.ntsnap")
    var data = DatasetOptions(interactions: interactionsPath, identity: original.identity)
    data.items = original.itemsPath
    var options = TrainOptions(data: data, snapshotPath: snapshotPath)
    options.dimensions = 8
    options.segments.count = TrainedModel.segments
    options.heldOutShare = 0
    options.threads = 1
    options.seed = seed
    var learnt: Factors?
    _ = try! TrainPipeline.run(options, factors: { (factors) throws(TrainError) in learnt = factors })
    factors = learnt!
    // Rows stand in the order in which the data names items and users first.
    let model = try! ServingModel(
      Snapshot.open(path: snapshotPath, verify: .checksums), name: TrainedModel.name, version: 1,
      digest: SHA256.digest(RawSpan()))
    itemIDs = (0..<UInt32(model.itemCount)).map { String(copying: model.itemID($0)) }
    var settings = ALSSettings()
    settings.alpha0 = Float(model.provenance.settings["ials.alpha0"]!)!
    settings.lambda = Float(model.provenance.settings["ials.lambda"]!)!
    settings.nu = Float(model.provenance.settings["ials.nu"]!)!
    foldIn = settings
    var seen: Set<Substring> = []
    userIDs = rows.compactMap { $0.split(separator: ",").first }.filter { seen.insert($0).inserted }.map(String.init)
    precondition(factors.itemCount == itemIDs.count && factors.userCount == userIDs.count)
  }

  /// Packs the factors after a change, as `needletail snapshot build` does.
  func packed(_ name: String, _ change: (inout Factors) -> Void = { _ in }) -> String {
    var factors = factors
    change(&factors)
    let (items, users) = (folder.file("\(name)-items.npy"), folder.file("\(name)-users.npy"))
    try! NPYWriter.write(factors.items.span, columns: factors.dimension, path: items)
    try! NPYWriter.write(factors.users.span, columns: factors.dimension, path: users)
    var options = PackOptions(items: items, snapshotPath: folder.file("\(name).ntsnap"))
    options.users = users
    options.itemIds = folder.write(itemIDs.joined(separator: "\n") + "\n", to: "\(name)-items.txt")
    options.userIds = folder.write(userIDs.joined(separator: "\n") + "\n", to: "\(name)-users.txt")
    options.metadata = TrainedModel.shared.itemsPath
    options.interactions = interactionsPath
    options.identity = TrainedModel.shared.identity
    options.foldIn = foldIn
    options.segments.count = TrainedModel.segments
    _ = try! FactorPacking.run(options)
    return options.snapshotPath
  }
}

extension Factors {
  /// The rows of items, in another order: what an id table gives that belongs to another export.
  mutating func shuffleItems(seed: UInt64 = 3) {
    var random = SeededRandom(seed: seed)
    items = (0..<itemCount).shuffled(using: &random).flatMap { item($0) }
  }
}

extension TestRepository {
  /// Publishes any snapshot file as the next version.
  @discardableResult
  func publish(_ path: String, dimension: Int = 8, items: Int? = nil) -> Int {
    var details = Manifest.Details(createdAtSeconds: 1_767_225_600, metric: "dot", dimension: dimension)
    if let items { details.counts["items"] = items }
    return try! FolderRepository(path: self.path).publish(
      snapshotPath: path, model: TrainedModel.name, details: details
    ).identity.version
  }
}
