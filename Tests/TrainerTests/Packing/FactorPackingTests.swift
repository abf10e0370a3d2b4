import Bytes
import FoundationEssentials
import Model
import Snapshots
import Tensors
import TestSupport
import Testing

@testable import Trainer

/// Two tastes along two axes: even items and users lie along the first, odd ones along the second. Later items are longer.
struct FactorPackingTests {
  let folder = TemporaryFolder()
  private let items = 40
  private let users = 60
  private let dimension = 8

  private func vectors(_ rows: Int, growing: Bool) -> [Float] {
    var random = SeededRandom(seed: 5)
    return (0..<rows).flatMap { row in
      (0..<dimension).map { place in
        ((place == row % 2 ? 1 : 0) + 0.05 * random.gaussian()) * (growing ? 1 + Float(row) / 40 : 1)
      }
    }
  }

  private func write(_ values: [Float], _ name: String, columns: Int? = nil) throws -> String {
    let path = folder.file(name)
    try NPYWriter.write(values.span, columns: columns ?? dimension, path: path)
    return path
  }

  private func options(_ change: (inout PackOptions) throws -> Void = { _ in }) throws -> PackOptions {
    var options = PackOptions(
      items: try write(vectors(items, growing: true), "items.npy"), snapshotPath: folder.file("packed.ntsnap"))
    options.users = try write(vectors(users, growing: false), "users.npy")
    options.identity = testIdentity
    options.segments.count = 2
    try change(&options)
    return options
  }

  private func pack(_ change: (inout PackOptions) throws -> Void = { _ in }) throws -> (PackReport, ServingModel) {
    let report = try FactorPacking.run(options(change))
    let snapshot = try Snapshot.open(path: report.snapshotPath, verify: .checksums)
    return (
      report,
      try ServingModel(snapshot, name: "test", version: 1, digest: SHA256.digest("x".utf8.span.bytes))
    )
  }

  private func refusal(_ change: (inout PackOptions) throws -> Void) -> (cause: TrainError.Cause, message: String)? {
    do {
      _ = try pack(change)
      return nil
    } catch let error as TrainError { return (error.cause, error.message) } catch { return nil }
  }

  private func user(_ model: ServingModel, _ id: String) throws -> UserRow {
    try #require(model.user(testIdentity.hash(id.utf8.span.bytes)))
  }

  @Test func `factors alone make a snapshot, and the report says what stands in for the rest`() throws {
    let (report, model) = try pack()
    #expect(model.itemCount == 40 && model.userCount == 60 && model.dimension == 8 && model.segmentCount == 2)
    let (even, odd) = (try user(model, "0"), try user(model, "1"))
    #expect(model.segment(of: even) != model.segment(of: odd))
    for number in 0..<60 {
      let user = try user(model, "\(number)")
      #expect(model.segment(of: user) == model.segment(of: number % 2 == 0 ? even : odd))
    }
    #expect(report.segmentSizes == [30, 30])
    // The longest vector is the most popular item.
    let popularities = (0..<UInt32(40)).map { model.itemPopularity($0) }
    #expect(popularities.max() == 1 && popularities[39] > popularities[0])
    for word in ["metadata", "history", "popularity", "segments", "trending"] {
      #expect(report.notes.contains { $0.hasPrefix(word + ":") }, "nothing said of \(word): \(report.notes)")
      #expect(report.summary.contains(word))
    }
    #expect(model.checkProbes(ComputeScratch()).passed)
  }

  @Test func `a packed snapshot answers with the user's taste`() throws {
    let (_, model) = try pack()
    for number in [0, 1] {
      var value = ByteBuffer()
      let query = ListQuery(subject: .user(testIdentity.hash("\(number)".utf8.span.bytes)), keyHash: 1, now: 1)
      var home = PlacementPolicy.home
      home.ranking.diversity = 0
      let count = try model.render(query, for: home, scratch: ComputeScratch(), into: &value)
      #expect(count == 40)
      let list = try RenderedList(value.bytes, keyHash: 1)
      for place in 0..<10 {
        let hash = list.itemHash(place)
        let item = try #require(model.item(hash: hash))
        #expect(Int(item) % 2 == number)
      }
    }
  }

  @Test func `the same files and seed give the same bytes`() throws {
    _ = try pack()
    let first = try Data(contentsOf: URL(filePath: folder.file("packed.ntsnap")))
    _ = try pack()
    #expect(try Data(contentsOf: URL(filePath: folder.file("packed.ntsnap"))) == first)
  }

  @Test func `ids, metadata, history and trends are the publisher's where given`() throws {
    let (report, model) = try pack {
      $0.itemIds = folder.write((0..<40).map { "sku-\($0)\n" }.joined(), to: "items.txt")
      $0.userIds = folder.write((0..<60).map { "u\($0)" }.joined(separator: "\r\n"), to: "users.txt")
      $0.metadata = folder.write(
        """
        {"id":"sku-3","title":"Third","categories":["a","b"],"popularity":50,"colour":"red"}
        {"id":"sku-4","title":"Fourth","popularity":100}
        {"id":"gone","title":"Elsewhere"}
        """, to: "items.jsonl")
      $0.interactions = folder.write("user,item\nu0,sku-7\nu0,sku-3\nu1,sku-7\nstranger,sku-9\n", to: "log.csv")
      $0.ranking = folder.write(#"{"default":{"popularity":0.7}}"#, to: "ranking.json")
    }
    #expect(model.title(3) == "Third" && model.title(5) == "sku-5")
    #expect(model.category(named: "a") != nil)
    #expect(model.itemPopularity(4) == 1 && model.itemPopularity(3) > 0.8 && model.itemPopularity(5) == 0)
    let metadata = String(copying: model.itemMetadata(3))
    #expect(metadata.contains("red") && !metadata.contains("popularity"))
    let (first, fifth) = (try user(model, "u0"), try user(model, "u5"))
    #expect(Array(model.seen(by: first)) == [3, 7] && model.seen(by: fifth).isEmpty)
    #expect(model.weights(for: .home).popularity == 0.7)
    #expect(report.notes.contains { $0.hasPrefix("metadata: of 2 items; 38 items without any; 1 of items without a vector") })
    #expect(report.notes.contains { $0.contains("2 of 3 users and 3 of 3 items") })
  }

  @Test func `trends come from the log of interactions, by segment`() throws {
    let log = "user,item\n" + (0..<30).flatMap { ["\(2 * $0),10\n", "\(2 * $0 + 1),11\n"] }.joined() + "0,12\n"
    let (_, model) = try pack { $0.interactions = folder.write(log, to: "log.csv") }
    let segment = model.segment(of: try user(model, "0"))
    var value = ByteBuffer()
    let count = try model.renderTrending(
      segment: segment, for: .home, keyHash: 1, now: 1, scratch: ComputeScratch(), into: &value)
    #expect(count == 2)
    let list = try RenderedList(value.bytes, keyHash: 1)
    let hashes = [list.itemHash(0), list.itemHash(1)]
    #expect(hashes.map { model.item(hash: $0) } == [10, 12])
  }

  @Test func `centroids that are given are the segments`() throws {
    var centroids = [Float](repeating: 0, count: 3 * dimension)
    (centroids[0], centroids[dimension + 1], centroids[2 * dimension + 5]) = (1, 1, 1)
    let (report, model) = try pack {
      $0.segments.count = nil
      $0.centroids = try write(centroids, "centroids.npy")
    }
    #expect(report.segmentSizes == [30, 30, 0] && model.segmentCount == 3)
    let (even, odd) = (try user(model, "4"), try user(model, "5"))
    #expect(model.segment(of: even) == 0 && model.segment(of: odd) == 1)
  }

  @Test func `items alone are a catalogue of one segment`() throws {
    let (report, model) = try pack { ($0.users, $0.identity) = (nil, nil) }
    #expect(model.userCount == 0 && model.segmentCount == 1)
    #expect(report.notes.contains { $0.hasPrefix("segments: there are no users") })
    var value = ByteBuffer()
    let query = ListQuery(subject: .segment(0), keyHash: 1, now: 1)
    let count = try model.render(query, for: .home, scratch: ComputeScratch(), into: &value)
    #expect(count == 40)
  }

  @Test func `a safetensors file of both factors brings its own ids`() throws {
    let path = folder.file("factors.safetensors")
    let (itemValues, userValues) = (vectors(items, growing: true), vectors(users, growing: false))
    try SafetensorBytes.write(
      [
        ("item_factors", [items, dimension], itemValues.withUnsafeBytes { Array($0) }, "F32"),
        ("item_ids", [items], (0..<items).flatMap { bytes(Int64(1000 + $0)) }, "I64"),
        ("user_factors", [users, dimension], userValues.withUnsafeBytes { Array($0) }, "F32"),
      ], to: path)
    let (_, model) = try pack {
      $0.items = path
      $0.users = path
    }
    let (known, unknown) = (model.item(id: "1007".utf8.span.bytes), model.item(id: "7".utf8.span.bytes))
    #expect(known == 7 && unknown == nil)
    _ = try user(model, "59")
  }

  private func bytes(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

  @Test func `what is wrong with the input is said, and nothing is written`() throws {
    func expect(
      _ cause: TrainError.Cause, _ words: String..., change: (inout PackOptions) throws -> Void,
      at location: SourceLocation = #_sourceLocation
    ) {
      let error = refusal(change)
      #expect(error?.cause == cause, "\(String(describing: error))", sourceLocation: location)
      for word in words {
        #expect(error?.message.contains(word) == true, "\(word) in \(String(describing: error))", sourceLocation: location)
      }
      #expect(!FileManager.default.fileExists(atPath: folder.file("packed.ntsnap")), sourceLocation: location)
    }
    expect(.missingInput, "nowhere.npy") { $0.items = folder.file("nowhere.npy") }
    expect(.badInput, "neither .npy nor safetensors") { $0.items = folder.write("1 2 3\n4 5 6\n", to: "text.npy") }
    var values = vectors(items, growing: true)
    values[3 * dimension + 2] = .nan
    expect(.badInput, "row 3, column 2") { $0.items = try write(values, "nan.npy") }
    expect(.badInput, "5", "8", "one model") { $0.users = try write(Array(repeating: 1, count: 50), "u5.npy", columns: 5) }
    expect(.badInput, "39 ids", "40 rows") {
      $0.itemIds = folder.write((0..<39).map { "\($0)\n" }.joined(), to: "short.txt")
    }
    expect(.badInput, "\"7\" stands twice", "7 and 20") {
      $0.itemIds = folder.write((0..<40).map { "\($0 == 20 ? 7 : $0)\n" }.joined(), to: "twice.txt")
    }
    expect(.badInput, "line 3 is empty") {
      $0.itemIds = folder.write("a\nb\n\n" + (3..<40).map { "\($0)\n" }.joined(), to: "gap.txt")
    }
    expect(.badInput, "none of its 1 items", "--item-ids") {
      $0.metadata = folder.write("id,title\nsku-1,One\n", to: "other.csv")
    }
    expect(.badInput, "0 and", "--user-ids") { $0.interactions = folder.write("user,item\nx,1\ny,2\n", to: "other.csv") }
    expect(.badInput, "placements and their weights") { $0.ranking = folder.write("[1]", to: "ranking.json") }
    expect(.badInput, "\"home\"", "diversity") {
      $0.ranking = folder.write(#"{"home":{"diversity":3}}"#, to: "ranking.json")
    }
    expect(.badInput, "there is no segment \"9\"") {
      $0.trending = folder.write("item,score,segment\n1,2,9\n", to: "trending.csv")
    }
    expect(.badSetting, "identity key") { $0.identity = nil }
    expect(.badSetting, "within 1") { $0.segments.count = 0 }
    expect(.badSetting, "λ above 0") { $0.foldIn.lambda = 0 }
  }
}
