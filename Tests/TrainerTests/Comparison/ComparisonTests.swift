import Bytes
import FoundationEssentials
import Model
import Snapshots
import TestSupport
import Testing

@testable import Trainer

/// A shop with four tastes, whose visitors know what they want: what a model learns from them it can be asked about.
private struct Shop {
  var random = SeededRandom(seed: 11)
  var rows: [(user: Int, item: Int, time: Int)] = []
  var time = 1_795_000_000

  /// `drift`: the tastes' items move on by so many, as fashions do.
  mutating func visit(_ count: Int, users: Int = 200, drift: Int = 0) {
    for _ in 0..<count {
      let user = Int(random.next() % UInt64(users))
      // Squared: some items are liked by many.
      let place = Double(random.next() % 1000) / 1000
      let item = ((user % 4) * 50 + Int(place * place * 50) + drift) % 200
      time += 1
      rows.append((user, item, time))
    }
  }

  func csv(_ count: Int? = nil, shuffled: Bool = false) -> String {
    var random = SeededRandom(seed: 5)
    let lines = rows.prefix(count ?? rows.count).map { row in
      "u\(row.user),i\(shuffled ? Int(random.next() % 200) : row.item),\(row.time)"
    }
    return (["user,item,timestamp"] + lines).joined(separator: "\n") + "\n"
  }
}

@Suite struct ComparisonTests {
  let folder = TemporaryFolder()

  private func options(_ csv: String) -> TrainOptions {
    let path = folder.write(csv, to: "interactions.csv")
    var options = TrainOptions(
      data: DatasetOptions(interactions: path, identity: testIdentity), snapshotPath: folder.file("new.ntsnap"))
    options.dimensions = 16
    options.segments.count = 4
    return options
  }

  /// Trains and takes the result for what is published.
  private func incumbent(_ csv: String, version: Int = 1) throws -> Incumbent {
    let report = try TrainPipeline.run(options(csv))
    let snapshot = try Snapshot.open(path: report.snapshotPath, verify: .checksums)
    let model = try ServingModel(snapshot, name: "shop", version: version, digest: SHA256.digest("x".utf8.span.bytes))
    return Incumbent(model, version: version, createdAtSeconds: 1_800_000_000, metrics: report.metrics)
  }

  @Test func `fresh data makes a model that is no worse on what came after the old one`() throws {
    var shop = Shop()
    shop.visit(8000)
    let old = try incumbent(shop.csv())
    shop.visit(3000, drift: 10)
    var options = options(shop.csv())
    options.incumbent = old
    options.rule = PublishRule(worseShareMax: 0.05)
    var heard: ModelComparison?
    let report = try TrainPipeline.run(options, compared: { heard = $0 })
    let comparison = try #require(report.comparison)
    #expect(heard == comparison)
    guard case .sameFuture(let users) = comparison.basis else {
      Issue.record("measured on \(comparison.basis)")
      return
    }
    #expect(users >= HeldOutSplit.comparedUsersMin)
    // Fashions have moved: the old model does not know, the new one does.
    #expect(comparison.gain > 0, "\(comparison.sentence)")
  }

  @Test func `a model that learnt from noise is refused`() throws {
    var shop = Shop()
    shop.visit(8000)
    let old = try incumbent(shop.csv())
    shop.visit(3000)
    // The history is mixed up, as by a join that went wrong; what comes after the old model is not.
    let broken =
      shop.csv(8000, shuffled: true) + shop.csv().split(separator: "\n").dropFirst(8001).joined(separator: "\n")
    var options = options(broken + "\n")
    options.incumbent = old
    options.rule = PublishRule(worseShareMax: 0.05)
    var heard: ModelComparison?
    let error = #expect(throws: TrainError.self) { try TrainPipeline.run(options, compared: { heard = $0 }) }
    #expect(error?.cause == .worse)
    #expect(error?.message.contains("of version 1") == true, "\(String(describing: error))")
    #expect((heard?.gain ?? 0) < -0.05)
    // Without a rule it is told and trained all the same.
    options.rule = nil
    #expect(try TrainPipeline.run(options).comparison == heard)
  }

  @Test func `the old model does not win by having learnt the exam`() throws {
    // The same data again with a few rows more: nobody came after the old model, so its own factors are not asked about
    // what they have learnt; and the same model made once more is not worse than itself.
    var shop = Shop()
    shop.visit(8000)
    let old = try incumbent(shop.csv())
    shop.visit(5)
    var options = options(shop.csv())
    options.incumbent = old
    options.rule = PublishRule(worseShareMax: 0.05)
    let comparison = try #require(try TrainPipeline.run(options).comparison)
    #expect(comparison.basis == .ownSplits)
    #expect(abs(comparison.gain) < 0.05, "\(comparison.sentence)")
  }

  @Test func `a model that says nothing of its data is taken to have known all until it was made`() throws {
    var shop = Shop()
    shop.visit(8000)
    let made = try TrainPipeline.run(options(shop.csv()))
    let content = try Snapshot.open(path: made.snapshotPath, verify: .structure)
    let model = try ServingModel(content, name: "shop", version: 1, digest: SHA256.digest("x".utf8.span.bytes))
    let said = Incumbent(model, version: 1, createdAtSeconds: 1_900_000_000, metrics: [:])
    #expect(said.knownUntil == UInt32(shop.time))
  }

  @Test func `data that shrank to nothing is refused`() throws {
    var shop = Shop()
    shop.visit(8000)
    let old = try incumbent(shop.csv())
    var options = options("user,item\nu1,i1\nu2,i2\n")
    options.incumbent = old
    options.rule = PublishRule(worseShareMax: 0.05)
    let error = #expect(throws: TrainError.self) { try TrainPipeline.run(options) }
    #expect(error?.cause == .worse)
  }

  @Test func `the same data again is told before anything is trained`() throws {
    var shop = Shop()
    shop.visit(2000)
    let first = try TrainPipeline.run(options(shop.csv()))
    var options = options(shop.csv())
    options.knownDigests = ["another", first.data.digest]
    let error = #expect(throws: TrainError.self) { try TrainPipeline.run(options) }
    #expect(error?.cause == .unchanged)
  }

  @Test func `a rule refuses what is worse by more than its share, and nothing else`() {
    func refusal(_ published: Double, _ candidate: Double) -> String? {
      PublishRule(worseShareMax: 0.05).refusal(
        of: ModelComparison(published: 3, basis: .ownSplits, publishedValue: published, candidateValue: candidate))
    }
    #expect(refusal(0.2, 0.2) == nil)
    #expect(refusal(0.2, 0.1901) == nil)
    #expect(refusal(0.2, 0.18) != nil)
    #expect(refusal(0.2, 0) != nil)
    #expect(refusal(0, 0) == nil)
    #expect(refusal(0, 0.1) == nil)
    #expect(refusal(0.2, 0.18)!.contains("(-10.0 %)"), "\(refusal(0.2, 0.18)!)")
  }
}
