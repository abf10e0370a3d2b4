import Bytes
import Configuration
import Memcached
import Model
import Reactor

/// One run over a list of keys: a few are asked for or written at a time, until all are done or time is up.
final class Filling: MemcachedReceiver {
  /// Requests under way at a time: enough to keep a connection busy, few enough to bound what is in flight
  /// (64 lists × some 20 KB = 1.3 MB).
  static let inFlightMax = 64
  private let recipes: [Recipe]
  private let mode: Warmer.Mode
  private let progress: (Int, Int) -> Void
  private let loop: EventLoop
  private var client: MemcachedClient!
  private var start: Timer?
  private var end: Timer?
  private let scratch = ComputeScratch()
  private var key = ByteBuffer(capacity: 256)
  private var list = ByteBuffer(capacity: 65536)
  private var next = 0
  private var inFlight = 0
  private var isOver = false
  private var isUp = false
  private var counts = WarmCounts()
  private let budgetMilliseconds: Int
  private let connectTimeoutMilliseconds: Int

  init(
    recipes: [Recipe], mode: Warmer.Mode, settings: Settings, budgetMilliseconds: Int,
    progress: @escaping (Int, Int) -> Void
  ) throws {
    self.recipes = recipes
    self.mode = mode
    self.progress = progress
    self.budgetMilliseconds = budgetMilliseconds
    connectTimeoutMilliseconds = settings.memcachedConnectTimeoutMilliseconds
    loop = try EventLoop()
    var clientSettings = MemcachedSettings()
    // Nobody waits for this: a slow node gets more time than on a request's path.
    clientSettings.timeoutMilliseconds = max(1000, settings.memcachedTimeoutMilliseconds)
    clientSettings.connectTimeoutMilliseconds = connectTimeoutMilliseconds
    client = try MemcachedClient(
      loop: loop, nodes: settings.memcachedServers.map { try NodeAddress(parsing: $0) },
      settings: clientSettings, receiver: self)
  }

  func run() -> WarmCounts {
    // Nodes that are still connecting count as down, so wait a little for all of them.
    start = Timer(loop: loop) { [unowned self] in self.beginWhenUp() }
    start?.start(milliseconds: 2, repeating: true)
    end = Timer(loop: loop) { [unowned self] in self.finish() }
    end?.start(milliseconds: max(1, budgetMilliseconds))
    loop.run()
    counts.left = recipes.count - counts.written - counts.present - counts.failed
    return counts
  }

  private var waitedTurns = 0

  private func beginWhenUp() {
    waitedTurns += 1
    let states = (0..<client.nodeCount).map { client.status(of: $0).state }
    let connecting = states.contains { if case .connecting = $0 { true } else { false } }
    guard !connecting || waitedTurns * 2 > connectTimeoutMilliseconds else { return }
    start?.stop()
    goOn()
  }

  /// Sends further requests while there is room for them.
  private func goOn() {
    while !isOver && inFlight < Filling.inFlightMax && next < recipes.count {
      let index = next
      next += 1
      switch mode {
      case .all: write(index, cas: nil)
      case .missing: ask(index)
      }
    }
    if next == recipes.count && inFlight == 0 { finish() }
  }

  private func ask(_ index: Int) {
    composeKey(index)
    if client.get(key: key.bytes, vivifySeconds: FlightCourse.stubSeconds, ticket: UInt64(index)) {
      inFlight += 1
    } else {
      counts.failed += 1
    }
  }

  private func write(_ index: Int, cas: UInt64?) {
    composeKey(index)
    list.removeAll()
    let recipe = recipes[index]
    let hash = xxh3(key.bytes)
    do throws(RenderFailure) {
      try recipe.render(keyHash: hash, window: RawSpan(), now: unixSeconds(), scratch: scratch, into: &list)
    } catch {
      counts.failed += 1
      // There is no such list: the stub must not keep others from finding that out.
      if let cas { key.withBytes { _ = client.delete(key: $0, cas: cas) } }
      return
    }
    let lifetime = Double(recipe.policy.freshSeconds + recipe.policy.staleSeconds)
    let ttl = max(2, Int(lifetime * (1 - 0.1 * Double.random(in: 0..<1))))
    let ticket = UInt64(index) | Filling.isWrite
    let mode = cas.map { SetMode.ifUnchanged(cas: $0) } ?? .always
    let isSent = key.withBytes { key in
      list.withBytes { list in
        client.set(key: key, value: list, flags: RenderedList.flags, ttlSeconds: ttl, mode: mode, ticket: ticket)
      }
    }
    if isSent {
      inFlight += 1
      counts.bytes += list.count
    } else {
      counts.failed += 1
    }
  }

  /// Marks a ticket as that of a set.
  private static let isWrite: UInt64 = 1 << 63

  func memcachedAnswered(_ ticket: UInt64, _ reply: borrowing CacheReply) {
    inFlight -= 1
    if ticket & Filling.isWrite != 0 {
      switch reply.status {
      case .stored: counts.written += 1
      // Somebody else has written it meanwhile.
      case .exists, .notStored: counts.present += 1
      default: counts.failed += 1
      }
    } else {
      switch reply.status {
      case .miss where reply.won: write(Int(ticket), cas: reply.cas)
      case .hit, .miss: counts.present += 1
      default: counts.failed += 1
      }
    }
    progress(counts.written + counts.present + counts.failed, recipes.count)
    if !isOver { goOn() }
  }

  private func composeKey(_ index: Int) {
    key.removeAll()
    recipes[index].append(keyTo: &key)
  }

  private func finish() {
    guard !isOver else { return }
    isOver = true
    loop.stop()
  }
}
