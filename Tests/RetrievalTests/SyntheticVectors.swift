import Glibc
import TestSupport

/// Vectors shaped like a recommender's: taste clusters of unequal size, a decaying spectrum, log-normal norms; users are
/// means of items of a few clusters plus noise, so they are not drawn from the items' distribution.
struct SyntheticVectors {
  enum Shape: Sendable, CustomStringConvertible {
    case gaussian
    case clustered(spread: Float, normSigma: Float)

    var description: String {
      switch self {
      case .gaussian: "gaussian"
      case .clustered(let spread, let sigma): "clustered, spread \(spread), norm sigma \(sigma)"
      }
    }
  }

  let dimension: Int
  let items: [Float]
  let users: [Float]

  init(_ shape: Shape, items count: Int, dimension: Int, users userCount: Int, seed: UInt64) {
    var random = FastGaussian(seed: seed)
    self.dimension = dimension
    var items = [Float](repeating: 0, count: count * dimension)
    var users = [Float](repeating: 0, count: userCount * dimension)
    switch shape {
    case .gaussian:
      for index in items.indices { items[index] = random.next() }
      for index in users.indices { users[index] = random.next() }
    case .clustered(let spread, let sigma):
      let clusters = max(16, count / 250)
      let spectrum = (1...dimension).map { pow(Float($0), -0.35) }
      var centres = [Float](repeating: 0, count: clusters * dimension)
      let parents = (0..<64 * dimension).map { _ in random.next() * 0.8 }
      for cluster in 0..<clusters {
        let parent = random.below(64)
        for d in 0..<dimension { centres[cluster * dimension + d] = parents[parent * dimension + d] + random.next() * 0.8 }
      }
      var members = [[Int]](repeating: [], count: clusters)
      for item in 0..<count {
        // Squaring a uniform number makes some clusters much larger than others.
        let u = Float(random.below(1 << 20)) / Float(1 << 20)
        let cluster = min(clusters - 1, Int(pow(u, 2.5) * Float(clusters)))
        members[cluster].append(item)
        var energy: Float = 0
        for d in 0..<dimension {
          let value = (centres[cluster * dimension + d] + random.next() * spread) * spectrum[d]
          items[item * dimension + d] = value
          energy += value * value
        }
        let scale = exp(random.next() * sigma) / energy.squareRoot()
        for d in 0..<dimension { items[item * dimension + d] *= scale }
      }
      members.removeAll(where: \.isEmpty)
      for user in 0..<userCount {
        let likes = 3 * (1 + random.below(3))
        var cluster = members[0]
        for like in 0..<likes {
          if like % 3 == 0 { cluster = members[random.below(members.count)] }
          let item = cluster[random.below(cluster.count)]
          for d in 0..<dimension { users[user * dimension + d] += items[item * dimension + d] / Float(likes) }
        }
        let row = users[user * dimension..<(user + 1) * dimension]
        let noise = 0.3 * (row.reduce(0) { $0 + $1 * $1 } / Float(dimension)).squareRoot()
        for d in 0..<dimension { users[user * dimension + d] += random.next() * noise }
      }
    }
    self.items = items
    self.users = users
  }

  func user(_ index: Int) -> [Float] { Array(users[index * dimension..<(index + 1) * dimension]) }
  func item(_ index: Int) -> [Float] { Array(items[index * dimension..<(index + 1) * dimension]) }
}

/// Normal enough and fast in a debug build: the sum of four 16-bit numbers.
struct FastGaussian {
  private var random: SeededRandom
  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func next() -> Float {
    let bits = random.next()
    let sum = Float(bits & 0xFFFF) + Float(bits >> 16 & 0xFFFF) + Float(bits >> 32 & 0xFFFF) + Float(bits >> 48)
    return (sum / 65536 - 2) * 1.7320508
  }

  mutating func below(_ limit: Int) -> Int { Int(random.next().multipliedFullWidth(by: UInt64(limit)).high) }
}

extension SeededRandom {
  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}
