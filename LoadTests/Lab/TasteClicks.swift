internal import FoundationEssentials
internal import Glibc

/// What the users of a `TasteCatalogue` really like, as nobody told the model: who clicks what, and how often.
///
/// A click is examination × attraction (the position-based model: Craswell, Zoeter, Taylor, Ramsey, WSDM 2008): place p of
/// a list is looked at with probability p^-bias, and an item that is looked at is clicked with a probability that grows
/// with the product of the *true* vectors. A model whose vectors are worse shows items that are liked less.
public struct TasteClicks: Sendable {
  /// Of a user's favourite item in the first place.
  static let clickRateMax = 0.25
  static let positionBias = 0.7
  /// Attraction is the score in shares of the user's best, to this power: an item half as good is clicked an eighth as
  /// often.
  static let steepness = 3.0

  private let items, users: [Float]
  private let dimensions: Int
  /// By user: the largest score of any item.
  private let best: [Float]
  public let userCount: Int

  public init(_ catalogue: TasteCatalogue) throws(LabError) {
    dimensions = catalogue.dimensions
    items = try readRows("\(catalogue.folder)/items.npy", catalogue.items * catalogue.dimensions)
    users = try readRows("\(catalogue.folder)/users.npy", catalogue.users * catalogue.dimensions)
    userCount = catalogue.users
    var best = [Float](repeating: 0, count: catalogue.users)
    for user in 0..<catalogue.users {
      for item in 0..<catalogue.items {
        best[user] = max(best[user], Self.score(items, item, users, user, catalogue.dimensions))
      }
    }
    self.best = best
  }

  private static func score(_ items: [Float], _ item: Int, _ users: [Float], _ user: Int, _ dimensions: Int) -> Float {
    var sum: Float = 0
    items.withUnsafeBufferPointer { items in
      users.withUnsafeBufferPointer { users in
        for place in 0..<dimensions { sum += items[item * dimensions + place] * users[user * dimensions + place] }
      }
    }
    return sum
  }

  /// The chance that a user clicks an item in a place, counted from 0.
  public func chance(user: Int, item: Int, place: Int) -> Double {
    guard best[user] > 0 else { return 0 }
    let score = Self.score(items, item, users, user, dimensions) / best[user]
    return Self.clickRateMax * pow(Double(place + 1), -Self.positionBias) * pow(Double(max(0, score)), Self.steepness)
  }
}

extension TasteCatalogue {
  /// The same catalogue as a model that learnt it less well would have it: noise on the vectors of items, its length a
  /// share of theirs. The folder has all that `buildArguments` name.
  public func noisy(_ share: Float, seed: UInt64, in folder: String) throws(LabError) -> [String] {
    var rows = try readRows("\(self.folder)/items.npy", items * dimensions)
    var random = CatalogueRandom(seed: seed)
    for item in 0..<items {
      var energy: Float = 0
      for place in item * dimensions..<(item + 1) * dimensions { energy += rows[place] * rows[place] }
      let scale = share * (energy / Float(dimensions)).squareRoot()
      for place in item * dimensions..<(item + 1) * dimensions { rows[place] += scale * random.gaussian() }
    }
    let path = "\(folder)/items.npy"
    let file = try OutputFile(path)
    file.write(npyHeader(rows: items, columns: dimensions))
    file.write(rows)
    try file.finish()
    var arguments = buildArguments
    arguments[1] = path
    return arguments
  }
}

/// The numbers of a `.npy` file of little-endian float32 that `npyHeader` began.
private func readRows(_ path: String, _ count: Int) throws(LabError) -> [Float] {
  guard let data = try? Data(contentsOf: URL(filePath: path)), data.count >= 4 * count else {
    throw .trouble("\(path) cannot be read or is too short")
  }
  var rows = [Float](repeating: 0, count: count)
  _ = rows.withUnsafeMutableBytes { data.suffix(4 * count).copyBytes(to: $0) }
  return rows
}
