import Bytes
import Snapshots
import TestSupport
import Testing

@testable import Model

@Suite struct ServingModelTests {
  @Test func `what was written is found again`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    #expect(model.itemCount == 60)
    #expect(model.userCount == 20)
    #expect(model.segmentCount == 2)
    #expect(model.dimension == 8)
    #expect(model.provenance.settings == ["data": "toy"])
    #expect(model.provenance.metrics == ["recall@20": 0.5])
    #expect(model.provenance.identityKeyFingerprint == ToyModel.key.fingerprint)
    for number in 0..<60 {
      let id = "item-\(number)"
      let item = model.item(id: id.utf8.span.bytes)
      #expect(item == UInt32(number))
      #expect(model.item(hash: xxh3(id)) == UInt32(number))
      let stored = String(copying: model.itemID(UInt32(number)))
      #expect(stored == id)
      #expect(model.title(UInt32(number)) == "Title \"\(number)\"")
      let names = model.itemCategories(UInt32(number)).map { model.categoryName($0) }
      #expect(names == ["all", number % 2 == 0 ? "alpha" : "beta"])
      #expect(model.publishedAt(UInt32(number)) == toy.content.items[number].publishedAt)
    }
    let unknown = model.item(id: "item-60".utf8.span.bytes)
    #expect(unknown == nil)
    #expect(model.category(named: "beta") != nil)
    #expect(model.category(named: "gamma") == nil)
  }

  @Test func `metadata is JSON with title, categories and the rest`() throws {
    let model = try ToyModel().model()
    let metadata = String(copying: model.itemMetadata(4))
    #expect(metadata == #"{"title":"Title \"4\"","categories":["alpha","all"],"url":"/i/4","note":"ü,{}[]\\"}"#)
  }

  @Test func `every user is found with segment, seen items and vector`() throws {
    let toy = ToyModel(users: 500)
    let model = try toy.model()
    for (number, user) in toy.content.users.enumerated() {
      let row = try #require(model.user(user.hash))
      #expect(model.segment(of: row) == Int(user.segment))
      #expect(Array(model.seen(by: row)) == user.seen)
      var vector = [Float](repeating: 0, count: 8)
      model.users.copyVector(row.number, to: &vector)
      for place in 0..<8 { #expect(abs(vector[place] - toy.content.userVectors[number * 8 + place]) < 1e-4) }
    }
    #expect(model.user(ToyModel.hash("somebody else")) == nil)
    #expect(model.user(UserHash(high: 0, low: 0)) == nil)
    #expect(model.user(UserHash(high: .max, low: .max)) == nil)
  }

  @Test func `a model without users serves`() throws {
    let model = try ToyModel(users: 0).model()
    #expect(model.user(ToyModel.hash("user-1")) == nil)
    #expect(model.checkProbes(ComputeScratch()).passed)
  }

  @Test func `a context has its own segment, else everybody's`() throws {
    let vocabulary = ContextVocabulary.standard
    var toy = ToyModel()
    let model = try toy.model()
    let mobile = vocabulary.bucket(.device, device: "mobile".utf8.span.bytes)
    let desktop = vocabulary.bucket(.device, device: "desktop".utf8.span.bytes)
    #expect(model.segment(for: mobile) == 0)
    #expect(model.segment(for: desktop) == 1)
    #expect(model.segment(for: .any) == 1)
    toy.content.contextSegments = []
    toy.content.users[1].segment = 0
    let other = try toy.model()
    #expect(other.segment(for: .any) == 0, "the largest")
    #expect(other.segmentSize(0) == 11)
  }

  @Test func `a segment is named by its number`() throws {
    let model = try ToyModel().model()
    for (name, segment) in [
      ("0", 0), ("1", 1), ("s1", 1), ("2", nil), ("", nil), ("s", nil), ("-1", nil), ("x", nil), ("999999", nil),
    ] {
      let found = model.segment(named: name.utf8.span.bytes)
      #expect(found == segment, "\(name)")
    }
  }

  @Test func `the same content gives the same bytes`() throws {
    let (one, other) = (ToyModel(), ToyModel())
    let (first, second) = (try one.snapshot(), try other.snapshot())
    #expect(first.sections.map(\.checksum) == second.sections.map(\.checksum))
  }

  @Test func `probes hold on the file that was written`() throws {
    let report = try ToyModel(items: 200).model().checkProbes(ComputeScratch())
    #expect(report.passed)
    #expect(report.recall > 0.94)
    #expect(report.probes == 20 + 2 + 16)
  }

  @Test func `a trusted file is read with less checking and the same answers`() throws {
    let toy = ToyModel()
    _ = try toy.snapshot()
    let model = try ToyModel.model(
      Snapshot.open(path: toy.folder.file("toy.ntsnap"), verify: .structure), checks: .structure)
    #expect(model.title(2) == "Title \"2\"")
  }

  @Test func `users and vectors of a cosine model are its own`() throws {
    let model = try ToyModel(metric: .cosine).model()
    #expect(model.metric == .cosine)
    #expect(model.foldIn.norm(3) > 0.5)
  }
}

@Suite struct ModelContentTests {
  private func error(_ change: (inout ModelContent) -> Void) -> String {
    var toy = ToyModel(items: 8, users: 4)
    change(&toy.content)
    do {
      try toy.content.write(to: toy.folder.file("x"))
      return "written"
    } catch { return "\(error)" }
  }

  @Test func `content that cannot be served is refused with what is wrong`() {
    #expect(error { $0.itemVectors[9] = .nan }.contains("item vectors: row 1, column 1 is nan"))
    #expect(error { $0.itemVectors.removeLast() }.contains("item vectors: 63 numbers where 8 × 8 are expected"))
    #expect(error { $0.items[3].id = "item-1" }.contains("item id \"item-1\" stands twice"))
    #expect(error { $0.items[3].id = "" }.contains("item 3 has an id of 0 bytes"))
    #expect(error { $0.items[3].id = String(repeating: "x", count: 256) }.contains("256 bytes"))
    #expect(error { $0.items[3].popularity = 2 }.contains("popularity 2.0"))
    #expect(error { $0.items[3].metadata = [("title", "x")] }.contains("\"title\""))
    #expect(error { $0.items[3].title = String(repeating: "x", count: 20_000) }.contains("bytes of metadata"))
    #expect(error { $0.users[1].segment = 2 }.contains("user 1 is in segment 2 of 2"))
    #expect(error { $0.users[1].seen = [3, 3] }.contains("ascending"))
    #expect(error { $0.users[1].seen = [8] }.contains("ascending numbers below 8"))
    #expect(error { $0.users[1].hash = $0.users[0].hash }.contains("stands twice"))
    #expect(error { $0.userVectors[0] = .infinity }.contains("user vectors"))
    #expect(error { $0.segmentCentroids = [] }.contains("0 segments"))
    #expect(error { $0.contextSegments = [("*", 2)] }.contains("segment 2 of 2"))
    #expect(error { $0.contextSegments = [("*", 1), ("*", 0)] }.contains("two segments"))
    #expect(error { $0.trendingGlobal = [.init(item: 8, score: 1)] }.contains("not in the catalogue"))
    #expect(error { $0.trendingGlobal = [.init(item: 1, score: 1), .init(item: 1, score: 0)] }.contains("twice"))
    #expect(error { $0.trendingGlobal = [.init(item: 1, score: 1), .init(item: 2, score: 2)] }.contains("order"))
    #expect(error { $0.trendingBySegment[0] = [.init(item: 1, score: .nan)] }.contains("segment 0 has a score"))
    #expect(error { $0.foldIn.lambda = 0 }.contains("λ must be above 0"))
    #expect(error { $0.foldIn.gram[0] = -1e6 }.contains("cannot be inverted"))
    #expect(error { $0.foldIn.gram.removeLast() }.contains("Gram matrix"))
    #expect(
      error {
        $0.ranking["home"] = {
          var weights = RankingWeights(); weights.diversity = 2; return weights
        }()
      }.contains("diversity"))
    #expect(error { $0.metrics["x"] = .nan }.contains("\"x\" is nan"))
    #expect(
      error {
        $0.items = []; $0.itemVectors = []
      }.contains("0 items"))
    #expect(error { _ in } == "written")
  }

  @Test func `a folder that is not there is said so`() {
    let toy = ToyModel(items: 8, users: 0)
    #expect(throws: ModelContentError.self) { try toy.content.write(to: toy.folder.file("no/such/folder/x")) }
  }

  @Test func `without trending lists the popular items stand in`() throws {
    var toy = ToyModel(items: 8, users: 0)
    toy.content.trendingGlobal = []
    toy.content.trendingBySegment = []
    let model = try toy.model()
    #expect(Array(model.trending.list(nil).items) == [7, 6, 5, 4, 3, 2, 1, 0])
    #expect(model.trending.list(0).items.isEmpty)
  }
}
