internal import FoundationEssentials
internal import Glibc

/// A large catalogue as factors and files, such as a publisher has them: vectors of items and users in clusters of taste,
/// metadata, and who has met what. Made once and kept; the same sizes give the same bytes.
///
/// Shaped like a recommender's: clusters of about 250 items under 64 tastes, a spectrum that falls, lengths of vectors
/// log-normal with σ 0.25; a user is the mean of some items of one to three clusters, and noise.
public struct TasteCatalogue: Sendable {
  public static let categories = 60
  public let items, users, dimensions: Int
  public let folder: String

  /// Unless a scenario is told otherwise, so that all of them use the same files.
  public static let standardUsers = 20_000

  static let tastes = 64
  static let itemsPerCluster = 250
  static let spread: Float = 0.75
  static let normSigma: Float = 0.25
  /// Changes when the files would.
  private static let edition = 1

  /// In `var/` of this checkout, which git ignores, or in `folder`.
  public init(items: Int, users: Int, dimensions: Int, folder: String? = nil) throws(LabError) {
    guard let root = folder ?? Checkout.root.map({ $0 + "/var" }) else {
      throw .missing("this program does not stand in a checkout: name a folder for the catalogue with --cache")
    }
    (self.items, self.users, self.dimensions) = (items, users, dimensions)
    self.folder = "\(root)/computed-\(items)x\(dimensions)-\(users)-\(Self.edition)"
  }

  public var isMade: Bool { FileManager.default.fileExists(atPath: folder) }

  /// Makes the files unless they are there. About 8 s for a million items.
  public func make() throws(LabError) {
    guard !isMade else { return }
    let temporary = "\(folder).part-\(getpid())"
    try makeFolder(temporary)
    do {
      var random = CatalogueRandom(seed: 1)
      let clusters = Clusters(self, &random)
      try writeItems(clusters, temporary, &random)
      try writeUsers(clusters, temporary, &random)
      // All at once, or not at all: a catalogue that was cut short is not taken for one.
      try FileManager.default.moveItem(atPath: temporary, toPath: folder)
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw (error as? LabError) ?? .trouble("\(folder) cannot be made: \(error)")
    }
  }

  /// What `needletail snapshot build` is to be told.
  public var buildArguments: [String] {
    [
      "--items", "\(folder)/items.npy", "--users", "\(folder)/users.npy", "--metadata", "\(folder)/items.csv",
      "--interactions", "\(folder)/interactions.csv",
    ]
  }

  public static func category(_ number: Int) -> String { "shelf-\(number)" }

  // MARK: - Files

  private func writeItems(_ clusters: Clusters, _ folder: String, _ random: inout CatalogueRandom) throws(LabError) {
    let vectors = try OutputFile("\(folder)/items.npy")
    vectors.write(npyHeader(rows: items, columns: dimensions))
    let table = try OutputFile("\(folder)/items.csv")
    table.write("id,title,categories,publishedAt,popularity\n")
    var row = [Float](repeating: 0, count: dimensions)
    for item in 0..<items {
      let length = exp(Self.normSigma * random.gaussian())
      clusters.draw(clusters.ofItem[item], length: length, into: &row, &random)
      vectors.write(row)
      let shelves = clusters.shelves(of: clusters.ofItem[item], &random).map { Self.category($0) }
      let year = 1990 + random.below(36), month = 1 + random.below(9)
      table.write(
        "\(item),\(title(item, &random)),\(shelves.joined(separator: "|")),\(year)-0\(month)-15,\(Int(length * 1000))\n"
      )
    }
    try vectors.finish()
    try table.finish()
  }

  private func writeUsers(_ clusters: Clusters, _ folder: String, _ random: inout CatalogueRandom) throws(LabError) {
    let vectors = try OutputFile("\(folder)/users.npy")
    vectors.write(npyHeader(rows: users, columns: dimensions))
    let log = try OutputFile("\(folder)/interactions.csv")
    log.write("user,item\n")
    let noise = 0.3 / Float(dimensions).squareRoot()
    var row = [Float](repeating: 0, count: dimensions)
    for user in 0..<users {
      var mean = [Float](repeating: 0, count: dimensions)
      let liked = 1 + random.below(3)
      for _ in 0..<liked {
        let cluster = clusters.ofItem[random.below(items)]
        clusters.draw(cluster, length: 1, into: &row, &random)
        for place in row.indices { mean[place] += row[place] / Float(liked) }
        // Who likes a taste has met some of it: 5 to 20 items.
        let members = clusters.members(of: cluster)
        for _ in 0..<(5 + random.below(16)) { log.write("\(user),\(members[random.below(members.count)])\n") }
      }
      let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for place in mean.indices { mean[place] += noise * length * random.gaussian() }
      vectors.write(mean)
    }
    try vectors.finish()
    try log.finish()
  }

  private func title(_ item: Int, _ random: inout CatalogueRandom) -> String {
    let words = (0..<(2 + random.below(4))).map { _ in titleWords[random.below(titleWords.count)] }
    return words.joined(separator: " ") + " \(item)"
  }
}

private let titleWords = """
  The A Of Night River Stone Winter Silent House Golden Road Summer Letter Garden Iron Last First City Dream Shadow Light \
  Broken Blue Paper Ocean Mountain Secret Daughter King Memory Fire Wolf Island Mirror Clock Voice Hidden Empire
  """.split(separator: " ").map(String.init)

/// The clusters that items and users are drawn around.
private struct Clusters {
  /// Clusters × dimensions.
  private let centres: [Float]
  private let dimensions: Int
  /// How much each dimension varies: later ones less.
  private let spectrum: [Float]
  private let taste: [Int]
  let ofItem: [Int]
  private let memberStarts: [Int]
  private let memberItems: [Int32]

  init(_ catalogue: TasteCatalogue, _ random: inout CatalogueRandom) {
    let (d, tastes) = (catalogue.dimensions, TasteCatalogue.tastes)
    let count = max(tastes, catalogue.items / TasteCatalogue.itemsPerCluster)
    // No statement may read and draw at once, so that draws come in the order that they are written in.
    var parents: [Float] = []
    for _ in 0..<tastes * d { parents.append(0.8 * random.gaussian()) }
    var taste: [Int] = []
    for _ in 0..<count { taste.append(random.below(tastes)) }
    var centres: [Float] = []
    centres.reserveCapacity(count * d)
    for cluster in 0..<count {
      for place in 0..<d { centres.append(parents[taste[cluster] * d + place] + 0.8 * random.gaussian()) }
    }
    // Sizes follow a power law: the k-th largest has k^-0.6 of the largest.
    var sums: [Double] = []
    var sum = 0.0
    for cluster in 0..<count {
      sum += pow(Double(cluster + 1), -0.6)
      sums.append(sum)
    }
    var ofItem: [Int] = []
    for _ in 0..<catalogue.items { ofItem.append(firstAbove(random.unit() * sum, sums)) }
    var starts = [Int](repeating: 0, count: count + 1)
    for cluster in ofItem { starts[cluster + 1] += 1 }
    for cluster in 0..<count { starts[cluster + 1] += starts[cluster] }
    var next = starts
    var members = [Int32](repeating: 0, count: ofItem.count)
    for (item, cluster) in ofItem.enumerated() {
      members[next[cluster]] = Int32(item)
      next[cluster] += 1
    }
    (self.centres, dimensions, self.taste, self.ofItem) = (centres, d, taste, ofItem)
    (memberStarts, memberItems) = (starts, members)
    spectrum = (0..<d).map { pow(Float($0 + 1), -0.35) }
  }

  func members(of cluster: Int) -> [Int32] {
    Array(memberItems[memberStarts[cluster]..<memberStarts[cluster + 1]])
  }

  /// A vector around a cluster's centre, of a length.
  func draw(_ cluster: Int, length: Float, into row: inout [Float], _ random: inout CatalogueRandom) {
    var energy: Float = 0
    for place in 0..<dimensions {
      let value = centres[cluster * dimensions + place] + TasteCatalogue.spread * random.gaussian()
      row[place] = value * spectrum[place]
      energy += row[place] * row[place]
    }
    let scale = length / max(energy.squareRoot(), 1e-6)
    for place in 0..<dimensions { row[place] *= scale }
  }

  /// Two or three categories: one that all of a taste share, one of the cluster, and sometimes any.
  func shelves(of cluster: Int, _ random: inout CatalogueRandom) -> [Int] {
    let own = [taste[cluster] % TasteCatalogue.categories, (cluster * 7 + 3) % TasteCatalogue.categories]
    return random.below(2) == 0 ? own : own + [random.below(TasteCatalogue.categories)]
  }
}

/// The first place whose sum is above a number.
private func firstAbove(_ number: Double, _ sums: [Double]) -> Int {
  var (low, high) = (0, sums.count - 1)
  while low < high {
    let middle = (low + high) / 2
    if sums[middle] > number { high = middle } else { low = middle + 1 }
  }
  return low
}
