import Bytes
import FoundationEssentials
import Model
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Trainer

struct TrainPipelineTests {
  let folder = TemporaryFolder()

  /// A small bookshop on disk.
  private func bookshop(items: Int = 300, users: Int = 250, events: Int = 9000) throws -> DatasetOptions {
    var generator = CatalogueGenerator()
    (generator.items, generator.users, generator.events) = (items, users, events)
    try generator.write(to: folder.file("shop"))
    return DatasetOptions(interactions: folder.file("shop"), identity: testIdentity)
  }

  private func options(_ data: DatasetOptions, to name: String = "model.snapshot") -> TrainOptions {
    var options = TrainOptions(data: data, snapshotPath: folder.file(name))
    options.dimensions = 16
    options.segments.count = 4
    return options
  }

  private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: folder.file(name))) }

  private func open(_ name: String = "model.snapshot") throws -> ServingModel {
    try ServingModel(
      Snapshot.open(path: folder.file(name), verify: .checksums), name: "test", version: 1,
      digest: SHA256.digest("x".utf8.span.bytes))
  }

  @Test func `what is learnt from the bookshop beats the most popular books clearly`() throws {
    var options = TrainOptions(
      data: try bookshop(items: 2000, users: 3000, events: 150_000), snapshotPath: folder.file("m"))
    options.dimensions = 32
    options.segments.count = 8
    let report = try TrainPipeline.run(options)
    let metrics = report.metrics
    #expect(report.split?.kind == .globalTime)
    #expect(metrics["ials.ndcg@20"]! >= 2 * metrics["mostpop.ndcg@20"]!, "\(report.summary)")
    #expect(metrics["ials.ndcg@20"]! >= 2 * metrics["trending.ndcg@20"]!, "\(report.summary)")
    #expect(metrics["ials.coverage@20"]! > 0.5)
  }

  @Test func `factors are handed out as they were learnt`() throws {
    var received: [Factors] = []
    let report = try TrainPipeline.run(options(try bookshop()), factors: { received.append($0) })
    let factors = try #require(received.first)
    #expect(received.count == 1)
    #expect(factors.dimension == 16)
    #expect(factors.userCount == report.data.users)
    // Books that nobody touched have factors too.
    #expect(factors.itemCount >= report.data.items)
    let (isLearnt, isFinite) = (factors.items.contains { $0 != 0 }, factors.items.allSatisfy(\.isFinite))
    #expect(isLearnt && isFinite)
  }

  @Test func `what refuses the factors ends the run and leaves no snapshot`() throws {
    let refusal = TrainError(.output, "the disk is full")
    let options = options(try bookshop())
    #expect(throws: refusal) {
      _ = try TrainPipeline.run(options, factors: { (_) throws(TrainError) in throw refusal })
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("model.snapshot")))
  }

  @Test func `a run writes a snapshot that serves`() throws {
    let report = try TrainPipeline.run(options(try bookshop()))
    let model = try open()
    #expect(model.itemCount == 300)
    #expect(model.userCount == report.data.users)
    #expect(model.segmentCount == 4)
    #expect(model.dimension == 16)
    #expect(report.snapshotBytes == model.byteCount)
    #expect(report.segmentSizes.reduce(0, +) == report.data.users)
    #expect(model.provenance.metrics["ndcg@20"] == report.metrics["ials.ndcg@20"])
    #expect(model.provenance.settings["data.digest"] == report.data.digest)
    #expect(model.provenance.identityKeyFingerprint == testIdentity.fingerprint)
    #expect(model.user(testIdentity.hash("u0001".utf8.span.bytes)) != nil)
    #expect(model.user(testIdentity.hash("nobody".utf8.span.bytes)) == nil)
    let found = model.item(id: "b0001".utf8.span.bytes)
    let item = try #require(found)
    #expect(model.title(item).count > 3)
    #expect(model.publishedAt(item) > 0)
    let scratch = ComputeScratch()
    #expect(model.checkProbes(scratch).recall > 0.9)
  }

  @Test func `the same seed gives the same bytes, from any number of threads`() throws {
    let data = try bookshop()
    var options = options(data, to: "a")
    options.segments.count = nil
    _ = try TrainPipeline.run(options)
    options.snapshotPath = folder.file("b")
    options.threads = 1
    _ = try TrainPipeline.run(options)
    #expect(try bytes("a") == bytes("b"))
    options.snapshotPath = folder.file("c")
    options.seed = 2
    _ = try TrainPipeline.run(options)
    #expect(try bytes("a") != bytes("c"))
  }

  @Test func `a handful of rows still makes a model`() throws {
    let path = folder.write("user,item\n1,a\n1,b\n2,a\n2,c\n3,b\n", to: "few.csv")
    let report = try TrainPipeline.run(
      TrainOptions(data: DatasetOptions(interactions: path, identity: testIdentity), snapshotPath: folder.file("m")))
    #expect(report.split == nil)
    #expect(report.models.isEmpty)
    #expect(report.factorization.dimensions == 1)
    #expect(report.segmentSizes == [3])
    #expect(report.summary.contains("not evaluated"))
    let model = try open("m")
    #expect(model.itemCount == 3)
  }

  @Test func `adjacency lines and low ratings make models too`() throws {
    var lines = ""
    for user in 0..<40 {
      lines += "\(user) " + (0..<8).map { String((user * 3 + $0 * $0) % 30) }.joined(separator: " ") + "\n"
    }
    let adjacency = DatasetOptions(interactions: folder.write(lines, to: "a.txt"), identity: testIdentity)
    let report = try TrainPipeline.run(options(adjacency))
    #expect(report.split?.kind == .userRandom)
    #expect(report.trendingHalfLifeDays == nil)

    var ratings = "user,item,rating\n"
    for row in 0..<400 { ratings += "\(row % 20),\(row / 20 + row % 7),\(row % 20 == 0 ? 1 : 1 + row % 5)\n" }
    let rated = DatasetOptions(interactions: folder.write(ratings, to: "r.csv"), identity: testIdentity)
    #expect(try TrainPipeline.run(options(rated)).data.disliked > 0)
    let model = try open()
    let found = model.user(testIdentity.hash("0".utf8.span.bytes))
    let disliker = try #require(found)
    #expect(model.seen(by: disliker).count > 0, "who disliked everything has seen it nevertheless")
  }

  @Test func `settings may be searched for`() throws {
    var options = options(try bookshop(items: 80, users: 60, events: 2000))
    options.dimensions = 4
    options.tunes = true
    let report = try TrainPipeline.run(options)
    #expect(report.seconds.contains { $0.phase == .searching })
    #expect((1...16).contains(report.factorization.epochs))
  }

  @Test func `every phase tells how far it is, up to its end`() throws {
    let seen = Mutex([TrainProgress]())
    _ = try TrainPipeline.run(options(try bookshop())) { progress in seen.withLock { $0.append(progress) } }
    let all = seen.withLock { $0 }
    for phase in TrainProgress.Phase.allCases where ![.searching, .precomputing, .vectors, .publishing].contains(phase) {
      let own = all.filter { $0.phase == phase }
      #expect(own.last.map { $0.done == $0.total } == true, "\(phase)")
      #expect(zip(own, own.dropFirst()).allSatisfy { $0.share <= $1.share }, "\(phase)")
    }
  }

  @Test func `a snapshot that cannot be written is the output's fault, and leaves nothing behind`() throws {
    var options = options(try bookshop(items: 60, users: 40, events: 800))
    options.snapshotPath = folder.file("absent/folder/model")
    #expect { try TrainPipeline.run(options) } throws: { ($0 as? TrainError)?.cause == .output }
  }

  @Test func `a bad setting is named`() throws {
    var options = options(try bookshop(items: 60, users: 40, events: 800))
    options.factorization = ALSSettings()
    options.factorization?.lambda = -1
    #expect { try TrainPipeline.run(options) } throws: {
      ($0 as? TrainError)?.cause == .badSetting && "\($0)".contains("lambda must be above 0")
    }
  }

  @Test func `an option without sense is named before anything is read`() {
    let changes: [(word: String, change: (inout TrainOptions) -> Void)] = [
      ("dimensions must be", { $0.dimensions = 0 }), ("the number of segments", { $0.segments.count = 0 }),
      ("held-out share", { $0.heldOutShare = 1 }), ("share of broken rows", { $0.data.brokenShareMax = 1.5 }),
      ("trending lists", { $0.trending.length = 10 }), ("half-life", { $0.trending.halfLifeDays = 0 }),
      ("cutoffs", { $0.cutoffs = [] }), ("threads", { $0.threads = -1 }),
    ]
    for (word, change) in changes {
      var options = TrainOptions(
        data: DatasetOptions(interactions: "/absent", identity: testIdentity), snapshotPath: folder.file("m"))
      change(&options)
      do {
        _ = try TrainPipeline.run(options)
        Issue.record("\(word): not refused")
      } catch {
        #expect(error.cause == .badSetting)
        #expect(error.message.contains(word))
      }
    }
  }

  @Test(.enabled(if: SharedData.has("movielens-small/ratings.csv"), "the MovieLens data is not beside this checkout"))
  func `ml-latest-small makes a model that beats both lists`() throws {
    var options = TrainOptions(
      data: DatasetOptions(interactions: SharedData.path("movielens-small"), identity: testIdentity),
      snapshotPath: folder.file("m"))
    options.segments.count = 12
    let report = try TrainPipeline.run(options)
    let metrics = report.metrics
    #expect(metrics["ndcg@20"]! > 1.3 * metrics["mostpop.ndcg@20"]!, "\(report.summary)")
    #expect(metrics["ndcg@20"]! > metrics["trending.ndcg@20"]!)
    print(report.summary)
    print(report.seconds.map { "\($0.phase) \(fixed($0.seconds, 2)) s" }.joined(separator: ", "))
  }
}

struct ColdItemsTests {
  @Test func `an untouched item gets the mean direction of its categories, at the length of little-touched ones`() {
    var items = ["a", "b", "c", "d", "e"].map { CatalogueItem(id: $0) }
    items[0].categories = ["x"]
    items[1].categories = ["x", "y"]
    items[3].categories = ["y"]
    items[4].categories = ["unknown"]
    var vectors: [Float] = [4, 0, 0, 2, 1, 1, 0, 0, 0, 0]
    let filled = ColdItems.fill(&vectors, dimension: 2, items: items, degrees: [9, 2, 1, 0, 0])
    #expect(filled == 1)
    #expect(Array(vectors[8...]) == [0, 0])
    #expect(vectors[6] == 0)
    #expect(abs(vectors[7] - (2 + Float(2).squareRoot()) / 2) < 1e-6)
  }
}
