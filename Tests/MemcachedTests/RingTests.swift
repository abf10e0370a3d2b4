import CMemcached
import FoundationEssentials
import Memcached
import TestSupport
import Testing

@Suite struct RingTests {
  private static func pool(_ count: Int, port: Int = 11211) throws -> [NodeAddress] {
    try (1...count).map { try NodeAddress(host: "10.0.1.\($0)", port: port) }
  }

  private static func node(_ ring: Ring, _ key: String) -> Int { ring.node(for: key.utf8.span.bytes) }

  static let goldenKeys = ["foo", "bar", "user:1", "user:2", "user:3", "needletail", "VDEAAAAA"]

  @Test(arguments: [
    (3, 11211, 480, [2, 2, 0, 2, 1, 2, 2]),
    (3, 11212, 480, [1, 0, 1, 1, 0, 0, 0]),
    (25, 11211, 3900, [2, 4, 24, 19, 3, 11, 24]),
  ])
  func `keys lie where libmemcached 1.1.4 put them`(count: Int, port: Int, points: Int, nodes: [Int]) throws {
    let pool = try Self.pool(count, port: port)
    let ring = try Ring(nodes: pool)
    #expect(Self.goldenKeys.map { Self.node(ring, $0) } == nodes)
    #expect(KetamaOracle(pool).points.count == points)
  }

  @Test func `a key above every point wraps to the lowest`() throws {
    let pool = try Self.pool(3)
    #expect(KetamaOracle.hash("VDEAAAAA") == 0xfffc_d1b5)
    let oracle = KetamaOracle(pool)
    #expect(oracle.points.last!.value < 0xfffc_d1b5)
    #expect(Self.node(try Ring(nodes: pool), "VDEAAAAA") == oracle.points[0].node)
  }

  @Test func `the library and the oracle agree on random pools`() throws {
    var random = SeededRandom(seed: 0x6b65_7461)
    for round in 0..<60 {
      let equal = Bool.random(using: &random)
      let port = [11211, 11212, 22122].randomElement(using: &random)!
      let count = round < 8 ? Ring.unevenPoolSizes[round] : Int.random(in: 2...40, using: &random)
      let pool = try (0..<count).map { index in
        index % 7 == 6
          ? try NodeAddress(host: "/run/mc-\(index).sock", weight: equal ? 1 : Int.random(in: 1...1000, using: &random))
          : try NodeAddress(
            host: "10.\(round).0.\(index)", port: port, weight: equal ? 1 : Int.random(in: 1...1000, using: &random))
      }
      let ring = try Ring(nodes: pool)
      let oracle = KetamaOracle(pool)
      for _ in 0..<50 {
        let key = "nt1:shop:home:\(String(random.next(), radix: 36))"
        #expect(Self.node(ring, key) == oracle.point(for: key).node, "seed \(random.seed) round \(round) key \(key) pool \(pool)")
      }
    }
  }

  @Test func `equal servers get 156 points at exactly the sizes we warn of`() throws {
    let uneven = try (1...100).filter { count in
      let pool = try Self.pool(count)
      return KetamaOracle.pointCount(of: pool[0], among: pool) == 156
    }
    #expect(uneven == Ring.unevenPoolSizes)
    #expect(Ring.warning(for: try Self.pool(25))?.contains("156") == true)
    #expect(Ring.warning(for: try Self.pool(24)) == nil)
    var weighted = try Self.pool(25)
    weighted[0] = try NodeAddress(host: "10.0.1.1", weight: 2)
    #expect(Ring.warning(for: weighted) == nil)
  }

  /// `memcached_server_add` with a path and port 0 is how php-memcached's addServer names a socket.
  @Test func `a unix socket lies where memcached_server_add puts it`() throws {
    let pool = try [
      NodeAddress(host: "/run/a.sock"), NodeAddress(host: "/run/b.sock", weight: 3), NodeAddress(host: "[::1]", port: 11300),
    ]
    let library = memcached_create(nil)!
    defer { memcached_free(library) }
    memcached_behavior_set(library, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1)
    for node in pool {
      memcached_server_add_with_weight(library, node.host, node.isUnixSocket ? 0 : in_port_t(node.port), UInt32(node.weight))
    }
    let ring = try Ring(nodes: pool)
    for index in 0..<500 {
      let key = "key-\(index)"
      #expect(Self.node(ring, key) == Int(memcached_generate_hash(library, key, key.utf8.count)), "\(key)")
    }
  }

  @Test func `one server holds every key`() throws {
    let ring = try Ring(nodes: try Self.pool(1))
    #expect(Self.goldenKeys.allSatisfy { Self.node(ring, $0) == 0 })
  }

  @Test func `a pool that libmemcached would abort on is refused`() throws {
    #expect(throws: RingError.tooManyServers(101)) { try Ring(nodes: try Self.pool(101)) }
    #expect(try Ring(nodes: try Self.pool(100)).nodeCount == 100)
  }

  @Test func `an empty pool and a server named twice are refused`() throws {
    #expect(throws: RingError.noServers) { try Ring(nodes: []) }
    let twice = try [NodeAddress(host: "a"), NodeAddress(host: "b"), NodeAddress(host: "a", weight: 2)]
    #expect(throws: RingError.duplicate(twice[2])) { try Ring(nodes: twice) }
  }

  @Test(.enabled(if: SharedData.has("ketama/libmemcached-vectors.json"), "needs shared/data"))
  func `libmemcached's own vectors hold`() throws {
    struct Vectors: Decodable {
      struct Server: Decodable { let host: String, port: Int, weight: Int }
      struct Key: Decodable { let key: String, hash: UInt32, point: UInt32, server: String }
      let servers: [Server]
      let keys: [Key]
    }
    let text = try SharedData.text("ketama/libmemcached-vectors.json")
    let vectors = try JSONDecoder().decode(Vectors.self, from: Data(text.utf8))
    let pool = try vectors.servers.map { try NodeAddress(host: $0.host, port: $0.port, weight: $0.weight) }
    let ring = try Ring(nodes: pool)
    let oracle = KetamaOracle(pool)
    #expect(vectors.keys.count == 99)
    #expect(oracle.points.count == 1264)
    for vector in vectors.keys {
      #expect(KetamaOracle.hash(vector.key) == vector.hash, "\(vector.key)")
      #expect(oracle.point(for: vector.key).value == vector.point, "\(vector.key)")
      #expect(pool[Self.node(ring, vector.key)].host == vector.server, "\(vector.key)")
    }
    #expect(oracle.point(for: "VDEAAAAA").value == 2_148_620)
    #expect(pool[Self.node(ring, "VDEAAAAA")].host == "10.0.1.3")
  }
}
