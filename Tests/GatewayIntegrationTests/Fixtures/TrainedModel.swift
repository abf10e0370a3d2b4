import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots
import TestSupport
import Trainer

/// One small bookshop, learnt once for all tests of this module. Items are `b0001`…, readers `u0001`….
final class TrainedModel: Sendable {
  static let name = "books"
  static let items = 240
  static let readers = 160
  static let segments = 4
  static let shared = TrainedModel()

  let identity = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!
  let snapshotPath: String
  /// The interactions that it learnt from.
  let interactionsPath: String
  let itemsPath: String
  /// The oracle: the model as a gateway maps it.
  let model: ServingModel
  private nonisolated(unsafe) let folder = TemporaryFolder()

  private init() {
    var generator = CatalogueGenerator()
    (generator.items, generator.users, generator.events) = (TrainedModel.items, TrainedModel.readers, 5000)
    try! generator.write(to: folder.file("shop"))
    interactionsPath = folder.file("shop/interactions.csv")
    itemsPath = folder.file("shop/items.csv")
    snapshotPath = folder.file("books.ntsnap")
    var options = TrainOptions(
      data: DatasetOptions(interactions: folder.file("shop"), identity: identity), snapshotPath: snapshotPath)
    options.dimensions = 8
    options.segments.count = TrainedModel.segments
    options.heldOutShare = 0
    options.threads = 1
    _ = try! TrainPipeline.run(options)
    model = try! ServingModel(
      Snapshot.open(path: snapshotPath, verify: .checksums), name: TrainedModel.name, version: 1,
      digest: SHA256.digest(RawSpan()))
  }

  func hash(_ user: String) -> UserHash { identity.hash(user.utf8.span.bytes) }

  /// The number of the segment of a reader that the model knows.
  func segment(of reader: String) -> Int { model.segment(of: model.user(hash(reader))!) }

  /// The ids of what a reader has seen.
  func seen(by reader: String) -> Set<String> {
    let seen = model.seen(by: model.user(hash(reader))!)
    var ids: Set<String> = []
    for place in 0..<seen.count { ids.insert(id(of: seen[place])) }
    return ids
  }

  func id(of item: UInt32) -> String {
    let model = model
    return String(copying: model.itemID(item))
  }

  func categories(of item: String) -> [String] { TrainedModel.categoriesByItem[item] ?? [] }

  private static let categoriesByItem: [String: [String]] = {
    let text = String(decoding: try! Data(contentsOf: URL(filePath: shared.itemsPath)), as: UTF8.self)
    var categories: [String: [String]] = [:]
    for line in text.split(separator: "\n").dropFirst() {
      // Counted from the right: a title may be quoted and hold commas.
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      categories[String(fields[0])] = fields[fields.count - 3].split(separator: "|").map(String.init)
    }
    return categories
  }()
}

/// A repository of one test, with its identity key.
final class TestRepository {
  let folder = TemporaryFolder()
  var path: String { folder.file("repository") }

  /// With the first version, unless it is to stay empty.
  init(isEmpty: Bool = false) {
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    folder.write(TrainedModel.shared.identity.hex + "\n", to: "repository/identity.key")
    if !isEmpty { publish() }
  }

  /// Publishes the model as the next version. Its bytes are the same; its digest, which is in every key, is not.
  ///
  /// - Parameter ballast: bytes of a section that no other version has, so that a node must fetch it; none for the very
  ///   same sections.
  @discardableResult
  func publish(ballast: Int = 0, signedBy key: SigningKey? = nil) -> Int {
    let details = Manifest.Details(createdAtSeconds: 1_767_225_600, metric: "dot", dimension: 8)
    var options = PublishOptions()
    options.sign = key?.signManifest
    return try! FolderRepository(path: path).publish(
      snapshotPath: ballast > 0 ? snapshot(ballast) : TrainedModel.shared.snapshotPath, model: TrainedModel.name,
      details: details, options: options
    ).identity.version
  }

  private func snapshot(_ ballast: Int) -> String {
    let path = folder.file("ballast.ntsnap")
    let model = try! Snapshot.open(path: TrainedModel.shared.snapshotPath, verify: .structure)
    var writer = try! SnapshotWriter(path: path)
    for entry in model.sections { try! writer.add(entry.tag, model.bytes(of: entry)) }
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<ballast).map { _ in UInt8.random(in: 0...255, using: &random) }
    try! writer.add("ballast", bytes.span.bytes)
    try! writer.seal()
    return path
  }

  /// The digest of a version as it stands in keys.
  func digest8(_ version: Int) -> String {
    try! FolderRepository(path: path).listing(of: TrainedModel.name).versions[version]!.digest8
  }

  func remove() { try! FileManager.default.removeItem(atPath: path) }
}
