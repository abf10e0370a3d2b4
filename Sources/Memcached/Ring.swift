internal import CMemcached
internal import Glibc

/// Which server holds a key: libmemcached's weighted ketama, decided by libmemcached itself.
///
/// One immutable `memcached_st` per ring and only `memcached_generate_hash`, which is const and makes no system call:
/// the rest of libmemcached blocks in `poll` and never runs here. Auto-eject stays off, for it changes the ring while
/// other clients still use the old one; a dead server costs hits, never a stale read from a neighbour.
///
/// **Unix sockets.** The library has two rings for them: `memcached_server_add_with_weight` counts a socket as port
/// 11211 and so hashes `<path>-<i>`, while `memcached_server_push` of a list makes it port 0 and hashes `<path>:0-<i>`.
/// We use the first, so the path is the host string and the port is 11211; a client that pushes lists finds the keys of
/// a pool with sockets elsewhere. Paths must be the same on every machine, as host names must.
///
/// Not thread-safe by declaration: one ring a worker.
public final class Ring {
  /// libmemcached 1.1.4 writes past its continuum and calls `abort()` from the 101st server on
  /// (php-memcached-dev/php-memcached #407), so more are refused before it sees them.
  public static let serversMax = 100

  /// Pool sizes where float32 rounding gives equal servers 156 points each instead of 160. libmemcached and twemproxy
  /// agree there; clients that round in double precision or always make 160 points disagree on some keys.
  public static let unevenPoolSizes = [25, 47, 50, 55, 61, 71, 94, 100]

  public let nodeCount: Int
  private let library: UnsafeMutablePointer<memcached_st>

  /// Throws when there is no server, there are too many, or one is named twice.
  /// - Complexity: O(p log p) for p ≈ 160 points a server; 5 ms for 100 servers.
  public init(nodes: [NodeAddress]) throws(RingError) {
    try Self.check(nodes)
    guard let library = memcached_create(nil) else { throw .library("out of memory") }
    // Everything that can throw runs before the properties are set.
    do throws(RingError) {
      try Self.configure(library, nodes)
    } catch {
      memcached_free(library)
      throw error
    }
    self.library = library
    nodeCount = nodes.count
  }

  deinit { memcached_free(library) }

  /// The index, in the order given to `init`, of the server that holds `key`.
  /// - Complexity: one MD5 of the key and a binary search.
  public func node(for key: RawSpan) -> Int {
    key.withUnsafeBytes { bytes in
      Int(memcached_generate_hash(library, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count))
    }
  }

  /// What an operator should know about a pool that is legal but easy to get wrong; nil when there is nothing to say.
  public static func warning(for nodes: [NodeAddress]) -> String? {
    guard unevenPoolSizes.contains(nodes.count), Set(nodes.map(\.weight)).count == 1 else { return nil }
    return """
      a pool of \(nodes.count) equal memcached servers gets 156 ring points each instead of 160: libmemcached, \
      php-memcached and twemproxy place keys as Needletail does, but clients that round in double precision or use a \
      fixed 160 (spymemcached unweighted, memcached's proxy) find some keys elsewhere
      """
  }

  private static func check(_ nodes: [NodeAddress]) throws(RingError) {
    guard !nodes.isEmpty else { throw .noServers }
    guard nodes.count <= serversMax else { throw .tooManyServers(nodes.count) }
    var seen: Set<String> = []
    for node in nodes where !seen.insert("\(node.host):\(node.port)").inserted { throw .duplicate(node) }
  }

  private static func configure(
    _ library: UnsafeMutablePointer<memcached_st>, _ nodes: [NodeAddress]
  ) throws(RingError) {
    for node in nodes {
      try expectSuccess(
        memcached_server_add_with_weight(library, node.host, in_port_t(node.port), UInt32(node.weight)))
    }
    // After the servers: before them, the library would sort the whole ring again for each.
    try expectSuccess(memcached_behavior_set(library, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1))
    precondition(memcached_behavior_get(library, MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS) == 0)
    guard Int(memcached_server_count(library)) == nodes.count else {
      throw .library("it kept fewer servers than given")
    }
  }

  private static func expectSuccess(_ status: memcached_return_t) throws(RingError) {
    guard status == MEMCACHED_SUCCESS else { throw .library(String(cString: memcached_strerror(nil, status))) }
  }
}

/// A pool that cannot be a ring. All but `library` are the configuration's fault; none is worth a retry.
public enum RingError: Error, Sendable, Equatable, CustomStringConvertible {
  case noServers
  case tooManyServers(Int)
  case duplicate(NodeAddress)
  case library(String)

  public var description: String {
    switch self {
    case .noServers: "a memcached ring needs at least one server"
    case .tooManyServers(let count):
      "\(count) memcached servers are configured; libmemcached's ring takes at most \(Ring.serversMax)"
    case .duplicate(let node): "memcached server \(node.host):\(node.port) is listed twice; give it a weight instead"
    case .library(let message): "libmemcached: \(message)"
    }
  }
}
