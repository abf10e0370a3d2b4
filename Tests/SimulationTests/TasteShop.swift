import Bytes
import Model
import Publishing
import Snapshots
import TestSupport

@testable import Gateway

/// A catalogue whose answers give away whose they are, so that an oracle can tell a right list from a wrong one.
///
/// Every user has a taste of their own and every item belongs to one taste, with a vector along its axis; item `g3-7` is
/// the seventh of taste 3. So a list made for user 3 has items of taste 3 and a list made for anybody else has none.
/// A segment is the users of four tastes, disjoint from the next. Each version writes its number into every item.
enum TasteShop {
  static let tastes = 16
  static let itemsPerTaste = 12
  static let segments = 4
  static let seenPerUser = 2
  static let modelName = "tastes"
  static let identityKey = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!

  static func user(_ taste: Int) -> String { "user-\(taste)" }
  static func item(_ taste: Int, _ place: Int) -> String { "g\(taste)-\(place)" }
  static func hash(_ user: String) -> UserHash { identityKey.hash(user.utf8.span.bytes) }
  static func segment(of taste: Int) -> Int { taste % segments }

  /// The taste of an item id; nil when it is none of ours.
  static func taste(of item: String) -> Int? {
    guard item.first == "g", let dash = item.firstIndex(of: "-") else { return nil }
    return Int(item[item.index(after: item.startIndex)..<dash])
  }

  /// A user has seen the first items of their taste.
  static func hasSeen(_ taste: Int, _ item: String) -> Bool {
    (0..<seenPerUser).contains { self.item(taste, $0) == item }
  }

  /// Loads one version, written to a file first as every snapshot is.
  static func served(version: Int, _ placements: Placements, now: UInt32) throws -> ServedModel {
    let digest = SHA256.digest("version \(version)".utf8.span.bytes)
    let folder = TemporaryFolder()
    let path = folder.file("tastes.ntsnap")
    try content(version: version).write(to: path)
    let model = try ServingModel(
      Snapshot.open(path: path, verify: .checksums), name: modelName, version: version, digest: digest)
    let identity = ModelIdentity(name: modelName, version: version, digest: digest)
    return try ServedModel(model, identity, placements, namespace: "default", now: now)
  }

  private static func content(version: Int) -> ModelContent {
    let count = tastes * itemsPerTaste
    var vectors: [Float] = []
    for item in 0..<count {
      // Later ones of a taste are a little shorter, so that every order is strict.
      let length = 1 - 0.01 * Float(item % itemsPerTaste)
      for axis in 0..<tastes { vectors.append(axis == item / itemsPerTaste ? length : 0) }
    }
    var gram = [Float](repeating: 0, count: tastes * tastes)
    for item in 0..<count {
      let at = item / itemsPerTaste * (tastes + 1)
      gram[at] += vectors[item * tastes + item / itemsPerTaste] * vectors[item * tastes + item / itemsPerTaste]
    }
    var content = ModelContent(
      dimension: tastes, metric: .dot,
      foldIn: .init(gram: gram, alpha0: 0.05, lambda: 0.02, nu: 1, itemCount: count))
    content.itemVectors = vectors
    content.items = (0..<count).map { item in
      ModelContent.Item(
        id: self.item(item / itemsPerTaste, item % itemsPerTaste), title: "Item \(item)",
        categories: [item % 2 == 0 ? "even" : "odd"], metadata: [(name: "made", value: "v\(version)")],
        popularity: Float(item) / Float(count))
    }
    for taste in 0..<tastes {
      let seen = (0..<seenPerUser).map { UInt32(taste * itemsPerTaste + $0) }
      content.users.append(.init(hash: hash(user(taste)), segment: UInt16(segment(of: taste)), seen: seen))
      for axis in 0..<tastes { content.userVectors.append(axis == taste ? 1 : 0) }
    }
    for segment in 0..<segments {
      for axis in 0..<tastes { content.segmentCentroids.append(self.segment(of: axis) == segment ? 0.5 : 0) }
    }
    content.contextSegments = [("*", 0)]
    content.trendingGlobal = stride(from: 0, to: count, by: 5).map { .init(item: UInt32($0), score: Float(count - $0)) }
    content.trendingBySegment = (0..<segments).map { segment in
      (0..<count).filter { self.segment(of: $0 / itemsPerTaste) == segment && $0 % 3 == 0 }.prefix(12)
        .map { ModelContent.Trending(item: UInt32($0), score: Float(count - $0)) }
    }
    content.identityKeyFingerprint = identityKey.fingerprint
    return content
  }
}
