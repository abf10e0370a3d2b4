import Bytes
import Snapshots
import TestSupport
import Testing

@testable import Model

@Suite struct ServingModelProofTests {
  @Test(arguments: [Metric.dot, .cosine]) func `lengths are those that were trained, whatever the metric keeps`(
    metric: Metric
  ) throws {
    let toy = ToyModel(metric: metric)
    let model = try toy.model()
    for item in 0..<model.itemCount {
      let row = toy.content.itemVectors[item * 8..<item * 8 + 8]
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(model.itemNorm(UInt32(item)) - norm) < 1e-4 * norm, "item \(item)")
    }
    let user = toy.content.users[3]
    let row = try #require((0..<model.userCount).first { model.userHash(at: $0) == user.hash })
    let norm = toy.content.userVectors[24..<32].reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(model.userNorm(at: row) - norm) < 1e-3)
  }

  @Test func `a list's proof holds its items and the model's own scores of them`() throws {
    let toy = ToyModel()
    let model = try toy.model()
    let scratch = ComputeScratch()
    var list = ByteBuffer()
    let query = ListQuery(subject: .user(toy.content.users[0].hash), keyHash: 1, now: ToyModel.now)
    let count = try model.render(query, for: .home, scratch: scratch, into: &list)
    let proof = model.proof(scratch, atMost: 20)
    #expect(proof.items.count == min(20, count))
    let rendered = RenderedList(validated: list.bytes)
    #expect(proof.items == (0..<proof.items.count).map { rendered.itemHash($0) })
    let user = Array(toy.content.userVectors[0..<8])
    for (hash, score) in zip(proof.items, proof.scores) {
      let item = Int(try #require(model.item(hash: hash)))
      let exact = (0..<8).reduce(Float(0)) { $0 + user[$1] * toy.content.itemVectors[item * 8 + $1] }
      #expect(abs(score - exact) < 1e-3)
    }
  }

  @Test func `a vector with a number that is none is found, wherever it stands`() throws {
    let original = try ToyModel(items: 24, users: 6).snapshot()
    #expect(try ToyModel.model(original).firstItemNotFinite() == nil)
    for (item, bad) in [(0, Float.nan), (7, .infinity), (23, -.infinity), (11, .signalingNaN)] {
      let toy = ToyModel(items: 24, users: 6)
      let path = toy.folder.file("bad.ntsnap")
      var writer = try SnapshotWriter(path: path)
      for entry in original.sections {
        var bytes = Array(copying: original.bytes(of: entry))
        if entry.tag == "vec.f32" {
          withUnsafeBytes(of: bad.bitPattern.littleEndian) {
            bytes.replaceSubrange(item * 32 + 28..<item * 32 + 32, with: $0)
          }
        }
        try writer.add(entry.tag, bytes.span.bytes)
      }
      try writer.seal()
      let model = try ToyModel.model(Snapshot.open(path: path, verify: .checksums))
      #expect(model.firstItemNotFinite() == UInt32(item))
    }
  }
}
