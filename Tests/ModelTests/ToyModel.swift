import Bytes
import Snapshots
import TestSupport

@testable import Model

/// A catalogue of two tastes: even items are "alpha" and lie along the first axis, odd ones "beta" along the second.
/// Users of segment 0 like the one, those of segment 1 the other.
struct ToyModel {
  static let key = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!
  static let now: UInt32 = 1_780_000_000

  var content: ModelContent
  let folder = TemporaryFolder()

  init(items: Int = 60, users: Int = 20, dimension d: Int = 8, metric: Metric = .dot, seed: UInt64 = 7) {
    var random = SeededRandom(seed: seed)
    var vectors: [Float] = []
    for item in 0..<items {
      for place in 0..<d { vectors.append((place == item % 2 ? 1 : 0) + 0.15 * random.gaussian()) }
    }
    let gram = Self.gram(vectors, d)
    content = ModelContent(
      dimension: d, metric: metric, foldIn: .init(gram: gram, alpha0: 0.05, lambda: 0.02, nu: 1, itemCount: items))
    content.itemVectors = vectors
    for item in 0..<items {
      let published: UInt32 = item % 3 == 0 ? 0 : Self.now - UInt32(item) * 86_400
      content.items.append(
        ModelContent.Item(
          id: "item-\(item)", title: "Title \"\(item)\"", categories: [item % 2 == 0 ? "alpha" : "beta", "all"],
          metadata: [(name: "url", value: "/i/\(item)"), (name: "note", value: "ü,{}[]\\")], publishedAt: published,
          popularity: Float(item) / Float(items)))
    }
    for user in 0..<users {
      content.users.append(
        .init(
          hash: Self.hash("user-\(user)"), segment: UInt16(user % 2), seen: [UInt32(user % 2), UInt32(user % 2 + 2)]))
      for place in 0..<d { content.userVectors.append((place == user % 2 ? 1 : 0) + 0.05 * random.gaussian()) }
    }
    for segment in 0..<2 {
      for place in 0..<d { content.segmentCentroids.append(place == segment ? 1 : 0) }
    }
    content.contextSegments = [("*", 1), ("Mo", 0)]
    content.trendingGlobal = (0..<min(30, items)).map { .init(item: UInt32(items - 1 - $0), score: Float(30 - $0)) }
    let evens = stride(from: 0, to: min(10, items), by: 2)
    content.trendingBySegment = [evens.map { ModelContent.Trending(item: UInt32($0), score: Float(20 - $0)) }, []]
    content.ranking = ["default": RankingWeights()]
    content.provenance = ["data": "toy"]
    content.metrics = ["recall@20": 0.5]
    content.identityKeyFingerprint = Self.key.fingerprint
  }

  static func hash(_ user: String) -> UserHash { key.hash(user.utf8.span.bytes) }

  static func gram(_ vectors: [Float], _ d: Int) -> [Float] {
    var gram = [Double](repeating: 0, count: d * d)
    for row in 0..<vectors.count / d {
      for i in 0..<d {
        for j in 0..<d { gram[i * d + j] += Double(vectors[row * d + i]) * Double(vectors[row * d + j]) }
      }
    }
    return gram.map(Float.init)
  }

  func snapshot() throws -> Snapshot {
    let path = folder.file("toy.ntsnap")
    try content.write(to: path)
    return try Snapshot.open(path: path, verify: .checksums)
  }

  func model() throws -> ServingModel { try Self.model(snapshot()) }

  static func model(_ snapshot: Snapshot, checks: Snapshot.Verification = .checksums) throws(SnapshotError)
    -> ServingModel
  {
    let digest = SHA256.digest("toy".utf8.span.bytes)
    return try ServingModel(snapshot, name: "toy", version: 3, digest: digest, checks: checks)
  }
}

/// The bytes of a rendered list, or of anything else that is appended to a buffer.
func bytes(_ write: (inout ByteBuffer) throws -> Void) rethrows -> [UInt8] {
  var buffer = ByteBuffer()
  try write(&buffer)
  return Array(copying: buffer.bytes)
}

func text(_ write: (inout ByteBuffer) throws -> Void) rethrows -> String {
  String(decoding: try bytes(write), as: UTF8.self)
}

/// A window of events given newest first.
func window(_ events: [(id: String, type: InteractionType, time: UInt32)]) -> [UInt8] {
  var value = bytes { Window.appendEmpty(to: &$0) }
  for event in events.reversed() {
    let next = ByteBox()
    let before = value
    let old = try! Window(before.span.bytes)
    let added = WindowEvent(time: event.time, type: event.type, itemID: event.id.utf8.span.bytes)!
    old.append(adding: added, to: &next.buffer)
    value = Array(copying: next.buffer.bytes)
  }
  return value
}

final class ByteBox {
  var buffer = ByteBuffer()
}
