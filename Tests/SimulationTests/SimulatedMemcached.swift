import Reactor

/// A memcached node of the simulated world: the meta commands that the gateway uses with the meaning that 1.6.18 gives
/// them (win tokens, stubs, CAS, expiry on the virtual clock), and the faults that a script asks for.
final class SimulatedMemcached {
  struct Item {
    var value: [UInt8]
    var flags: UInt32
    /// Seconds of the node's clock; nil for never.
    var expires: UInt64?
    var cas: UInt64
    /// Somebody has been told to fill or refresh it.
    var isTokenSent = false
    var isStale = false
  }

  /// What goes wrong, per thousand replies.
  struct Faults {
    var stall = 0
    var stallMilliseconds: ClosedRange<UInt64> = 1...40
    var loseReply = 0
    var swapReplies = 0
    var wrongOpaque = 0
    var wrongLength = 0
    var otherKey = 0
    var serverError = 0
    var garbage = 0
    var cutReply = 0
    var reset = 0
    /// Answers a window with another user's, under the right opaque: what no client could notice. For the test of the
    /// tests alone.
    var otherWindow = 0
  }

  let address: SocketAddress
  let world: SimulatedWorld
  let loop: EventLoop
  var faults = Faults()
  private(set) var items: [String: Item] = [:]
  /// Keys in the order of their first set: what "another key" is drawn from, since a dictionary has no order.
  private var keys: [String] = []
  private var lastCAS: UInt64 = 0
  private var listener: Listener?
  private var connections: [SimulatedMemcachedConnection] = []
  private(set) var commands = 0

  init(_ world: SimulatedWorld, at address: SocketAddress) throws {
    self.world = world
    self.address = address
    loop = EventLoop(simulated: world)
    try listen()
  }

  // MARK: Life

  /// Dies with all it held, in the middle of whatever it was doing.
  func kill() {
    listener = nil
    for connection in connections { connection.stream.resetSimulated() }
    connections = []
    items = [:]
    keys = []
  }

  func listen() throws {
    guard listener == nil else { return }
    listener = try Listener(loop: loop, address: address) { [unowned self] stream in
      let connection = SimulatedMemcachedConnection(stream, self)
      connections.append(connection)
      connection.stream.start(connection)
    }
  }

  func ended(_ connection: SimulatedMemcachedConnection) { connections.removeAll { $0 === connection } }

  /// Memory is full: everything goes but the connections.
  func flush() {
    items = [:]
    keys = []
  }

  // MARK: Commands

  private var now: UInt64 { loop.nowNanoseconds / 1_000_000_000 }

  private func find(_ key: String) -> Item? {
    guard let item = items[key] else { return nil }
    if let expires = item.expires, expires <= now {
      items[key] = nil
      keys.removeAll { $0 == key }
      return nil
    }
    return item
  }

  private func store(_ key: String, _ item: Item) {
    if items[key] == nil { keys.append(key) }
    items[key] = item
  }

  private func nextCAS() -> UInt64 {
    lastCAS += 1
    return lastCAS
  }

  private func expiry(_ seconds: Int) -> UInt64? { seconds <= 0 ? nil : now + UInt64(seconds) }

  /// `mg <key> <flags>*`: flags take effect in their order.
  func metaGet(_ key: String, _ flags: [Substring]) -> [UInt8] {
    commands += 1
    let names = flags.filter { $0 == "k" || $0.first == "O" }.map { $0 == "k" ? " k\(key)" : " \($0)" }.joined()
    var item = find(key)
    var tokens = ""
    if item == nil {
      guard let vivify = flags.first(where: { $0.first == "N" }), let seconds = Int(vivify.dropFirst()) else {
        return Array("EN\(names)\r\n".utf8)
      }
      item = Item(value: [], flags: 0, expires: expiry(seconds), cas: nextCAS(), isTokenSent: true)
      tokens = " W"
    } else if item!.isStale {
      tokens = item!.isTokenSent ? " X Z" : " W X"
      item!.isTokenSent = true
    } else if item!.isTokenSent {
      tokens = " Z"
    } else if let recache = flags.first(where: { $0.first == "R" }).flatMap({ UInt64($0.dropFirst()) }),
      let expires = item!.expires, expires - now < recache
    {
      tokens = " W"
      item!.isTokenSent = true
    }
    store(key, item!)
    let told = told(key)
    // A thorough liar: it names the key that it was asked for.
    return reply(with: items[told]!, of: key, flags, tokens)
  }

  private func reply(with item: Item, of key: String, _ flags: [Substring], _ tokens: String) -> [UInt8] {
    var line = "VA \(item.value.count)"
    for flag in flags {
      switch flag.first {
      case "t": line += " t\(item.expires.map { "\($0 - now)" } ?? "-1")"
      case "c": line += " c\(item.cas)"
      case "f": line += " f\(item.flags)"
      case "k": line += " k\(key)"
      case "O": line += " \(flag)"
      default: break
      }
    }
    return Array((line + tokens + "\r\n").utf8) + item.value + [13, 10]
  }

  /// The key whose item is answered with: the one asked for, unless the node lies.
  private func told(_ key: String) -> String {
    let isWindow = key.contains(":w:")
    guard world.random.chance(perMille: isWindow ? faults.otherWindow : faults.otherKey) else { return key }
    let others = keys.filter { $0 != key && $0.contains(":w:") == isWindow }
    guard !others.isEmpty else { return key }
    return others[Int(world.random.below(UInt64(others.count)))]
  }

  /// `ms <key> <length> <flags>*` with its value.
  func metaSet(_ key: String, _ value: [UInt8], _ flags: [Substring]) -> [UInt8] {
    commands += 1
    func number(_ letter: Character) -> UInt64? {
      flags.first { $0.first == letter }.flatMap { UInt64($0.dropFirst()) }
    }
    let opaque = flags.first { $0.first == "O" }.map { " \($0)" } ?? ""
    let present = find(key)
    if let cas = number("C") {
      guard let present else { return Array("NF\(opaque)\r\n".utf8) }
      guard present.cas == cas else { return Array("EX\(opaque)\r\n".utf8) }
    } else if flags.contains("ME"), present != nil {
      return Array("NS\(opaque)\r\n".utf8)
    }
    store(
      key,
      Item(
        value: value, flags: UInt32(number("F") ?? 0), expires: expiry(Int(number("T") ?? 0)), cas: nextCAS()))
    return Array("HD\(opaque)\r\n".utf8)
  }

  /// `md <key> <flags>*`
  func metaDelete(_ key: String, _ flags: [Substring]) -> [UInt8] {
    commands += 1
    let opaque = flags.first { $0.first == "O" }.map { " \($0)" } ?? ""
    guard var item = find(key) else { return Array("NF\(opaque)\r\n".utf8) }
    if let cas = flags.first(where: { $0.first == "C" }), UInt64(cas.dropFirst()) != item.cas {
      return Array("EX\(opaque)\r\n".utf8)
    }
    if flags.contains("I") {
      item.isStale = true
      item.isTokenSent = false
      item.cas = nextCAS()
      if let seconds = flags.first(where: { $0.first == "T" }).flatMap({ Int($0.dropFirst()) }) {
        item.expires = expiry(seconds)
      }
      items[key] = item
    } else {
      items[key] = nil
      keys.removeAll { $0 == key }
    }
    return Array("HD\(opaque)\r\n".utf8)
  }
}
