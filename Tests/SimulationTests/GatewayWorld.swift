import Bytes
import Configuration
import Logging
import Memcached
import Reactor

@testable import Gateway

/// One simulated run: real workers, simulated clients and nodes, and the invariants that must hold throughout.
///
/// The contract is that of the product: each request is answered exactly once, in its order, by its deadline + ε; the
/// answer is one that the question may have (`Oracle`); nothing grows beyond its limit; and when the last client has
/// gone, nothing is left of any of it.
final class GatewayWorld {
  let world: SimulatedWorld
  let script: Script
  let oracle = Oracle()
  let address = SocketAddress(literal: "10.0.0.1", port: 8080)!
  private(set) var workers: [Worker] = []
  private var nodes: [SimulatedMemcached] = []
  private var clients: [SimulatedClient] = []
  private var controlLoop: EventLoop!
  private var control: Mailbox<ControlMessage>!
  private let placements: Placements
  private(set) var isDraining = false
  private(set) var violations: [String] = []
  private var catalogues = 0
  private var models: [WeakModel] = []

  /// When a worker was last seen at the level of 503s.
  private(set) var refusedNanoseconds: UInt64?
  private(set) var highestLevel = PressureLevel.calm

  private struct WeakModel { weak var model: ServedModel? }

  init(_ script: Script, trace: ((String) -> Void)? = nil) throws {
    self.script = script
    world = SimulatedWorld(seed: script.seed)
    world.trace = trace
    let settings = try GatewayWorld.settings(script)
    placements = try Placements(settings)
    for number in 0..<script.nodes {
      let node = try SimulatedMemcached(world, at: SocketAddress(literal: "10.0.1.\(number + 1)", port: 11211)!)
      node.faults = script.faults
      script.disturb(world.link(to: node.address), &world.random)
      nodes.append(node)
    }
    oracle.windowsAreSafe = script.windowsAreSafe
    oracle.ageMax = script.clockJumps == 0 ? script.freshSeconds + script.staleSeconds : nil
    controlLoop = EventLoop(simulated: world)
    control = try Mailbox(loop: controlLoop) { _ in }
    try openWorkers(settings)
    for number in 0..<script.clients {
      clients.append(SimulatedClient(self, number: number, script.manners, script.link(&world.random)))
    }
  }

  private static func settings(_ script: Script) throws -> Settings {
    var flags = [
      "http.headTimeout": "1s", "http.idleTimeout": "3s", "http.writeTimeout": "2s", "http.drainTimeout": "5s",
      "window.fresh": "1s", "cache.l1.bytes": "2MiB", "workers": "\(script.workers)",
    ]
    for placement in ["home", "detail", "trending"] {
      for (key, value) in [
        "fresh": "\(script.freshSeconds)s", "stale": "\(script.staleSeconds)s", "deadline": "\(script.deadlineMilliseconds)ms", "diversity": "0",
        // Short lists: what a run costs is mostly the making of lists.
        "listItems": "30", "numResults": "5", "candidates": "60",
        "weights.popularity": "0", "weights.freshness": "0", "weights.affinity": "0", "weights.context": "0",
      ] { flags["placements.\(placement).\(key)"] = value }
    }
    flags.merge(script.settings) { _, given in given }
    var all = flags.mapValues { [$0] }
    all["memcached.servers"] = (0..<script.nodes).map { "10.0.1.\($0 + 1):11211" }
    var settings = try Settings(Configuration(flags: all))
    // Flags cannot name a placement of one's own.
    settings.placements["mine"] = settings.placements["home"]
    settings.placements["mine"]!.scope = "user"
    return settings
  }

  private func openWorkers(_ settings: Settings) throws {
    let claim = AddressClaim(address, in: world)
    let intake = EventIntake(queueMax: settings.events.queueMax, now: UInt32(controlLoop.unixSeconds))
    for index in 0..<script.workers {
      workers.append(
        try Worker(
          index: index, settings: settings, placements: placements, identityKey: TasteShop.identityKey, intake: intake,
          loop: EventLoop(simulated: world, pace: script.pace), seed: world.random.next(),
          log: Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }))
    }
    let mailboxes = workers.map { $0.mailbox! }
    for worker in workers {
      worker.peers = mailboxes
      worker.control = control
      try worker.open([claim], of: workers.count)
      try worker.listen()
    }
  }

  func violated(_ what: String) {
    world.note("violation")
    // The first few tell the story; a broken run has thousands.
    if violations.count < 20 { violations.append("at \(world.presentNanoseconds / 1000) µs, \(what)") }
  }

  /// 503 is the rung above the last: only a worker that has climbed there may say it.
  func mayRefuse(at present: UInt64) -> Bool {
    if workers.contains(where: { $0.admission.level >= .refusing }) { return true }
    return refusedNanoseconds.map { present < $0 + GatewayWorld.refusalMemoryNanoseconds } ?? false
  }

  /// From an answer's composing to its reading, and between two looks at the level.
  static let refusalMemoryNanoseconds: UInt64 = 200_000_000

  /// How late an answer may be for reasons of the gateway's own: its deadlines are looked at each millisecond on a clock
  /// of milliseconds; the arrival of the question may wait for a turn, the tick for another, and a connection that has
  /// had its share of a turn for a third.
  var epsilonNanoseconds: UInt64 {
    2_000_000 + 3 * (workers.map(\.loop.simulatedLongestTurnNanoseconds).max() ?? 0)
  }

  // MARK: The run

  /// Plays the script to its end.
  func run() throws {
    try serve(version: 1)
    world.run(milliseconds: 20)
    for client in clients { client.start() }
    try schedule()
    let end = world.nowNanoseconds + UInt64(script.seconds) * 1_000_000_000
    while world.nowNanoseconds < end {
      world.run(milliseconds: 5)
      checkLimits()
    }
    script.sabotage(self)
    if script.drainsEarly { drain() }
    for client in clients { client.rest() }
    // Longer than any answer, head, linger or reconnection may take.
    world.run(milliseconds: 8_000)
    checkQuiet()
    drain()
    world.run(milliseconds: 10_000)
    checkEnd()
  }

  private func schedule() throws {
    let span = UInt64(script.seconds) * 1_000_000_000
    for version in 2..<2 + script.swaps {
      world.at(world.nowNanoseconds + span * UInt64(version - 1) / UInt64(script.swaps + 1)) { [unowned self] in
        // Back and forth: a rollback finds its keys warm.
        try! serve(version: version % 3 + 1)
      }
    }
    for _ in 0..<script.accidents where !nodes.isEmpty {
      let node = nodes[Int(world.random.below(UInt64(nodes.count)))]
      let kind = world.random.below(3)
      world.at(world.nowNanoseconds + world.random.below(span)) { [unowned self] in accident(kind, node) }
    }
    for _ in 0..<script.clockJumps {
      let seconds = Int(world.random.below(7_200)) - 3_600
      world.at(world.nowNanoseconds + world.random.below(span)) { [unowned self] in world.wallSecondsAtZero += seconds }
    }
  }

  private func accident(_ kind: UInt64, _ node: SimulatedMemcached) {
    let milliseconds = Double(10 + world.random.below(900))
    world.note("accident \(kind) at \(node.address)")
    switch kind {
    case 0:
      node.kill()
      world.after(milliseconds: milliseconds) { try! node.listen() }
    case 1:
      let link = world.link(to: node.address)
      link.isBlackHole = true
      world.after(milliseconds: milliseconds) { link.isBlackHole = false }
    default: node.flush()
    }
  }

  private func serve(version: Int) throws {
    let served = try TasteShop.served(version: version, placements, now: UInt32(controlLoop.unixSeconds))
    models.append(WeakModel(model: served))
    catalogues += 1
    oracle.serves(version, at: world.presentNanoseconds)
    var catalogue = Catalogue()
    catalogue.generation = catalogues
    catalogue.models = [TasteShop.modelName: served]
    for worker in workers { worker.mailbox.post(.serve(catalogue)) }
  }

  private func drain() {
    isDraining = true
    let deadline = controlLoop.nowNanoseconds + UInt64(workers[0].settings.http.drainTimeoutMilliseconds) * 1_000_000
    for worker in workers { worker.mailbox.post(.drain(deadlineNanoseconds: deadline)) }
  }

  // MARK: Invariants

  /// What has a limit stays within it.
  private func checkLimits() {
    let limits = MemcachedSettings()
    for worker in workers {
      highestLevel = max(highestLevel, worker.admission.level)
      if worker.admission.level >= .refusing { refusedNanoseconds = world.nowNanoseconds }
      for node in 0..<(worker.memcached?.nodeCount ?? 0) {
        let pending = worker.memcached!.status(of: node).pending
        if pending > limits.pendingMax { violated("\(pending) requests pending at node \(node)") }
      }
      worker.flights.forEach { flight in
        if flight.waiters.count > Flights.waitersMax { violated("\(flight.waiters.count) wait for one flight") }
      }
      if worker.metrics.connectionsOpen > worker.settings.http.connectionsMax { violated("too many connections") }
      // A pipeline stops above the limit, which its last turn's answers may pass.
      let queuedMax = worker.settings.http.outputBytes + 2 * Connection.outboxBytesMax
      for case let connection? in worker.connections where connection.queuedBytes > queuedMax {
        violated("\(connection.queuedBytes) bytes are queued for one connection")
      }
      if worker.l1.byteCount > worker.l1.bytesMax { violated("the first cache is over its bytes") }
    }
  }

  /// With nobody asking, nothing is under way: whatever was taken out of a pool is back.
  private func checkQuiet() {
    for client in clients where client.owed > 0 {
      violated("client \(client.number) never got \(client.owed) answers")
    }
    // One that has ended, because it was drained early, does not go on with what nobody waits for.
    for worker in workers where !worker.loop.isStopping {
      func empty(_ count: Int, _ what: String) {
        if count != 0 { violated("worker \(worker.index): \(count) \(what) at rest") }
      }
      empty(worker.flights.count, "flights")
      empty(worker.windowFetches.count, "window fetches")
      empty(worker.windowUpdates.count, "window updates")
      empty(worker.batches.count, "event batches")
      if !worker.admission.isIdle { violated("worker \(worker.index): lists wait to be computed at rest") }
      if worker.admission.level != .calm { violated("worker \(worker.index): level \(worker.admission.level) at rest") }
      empty(worker.admission.waiting, "lists that wait to be computed")
      empty(worker.buffers.bytes, "bytes of the budget")
      empty(worker.idleQueue.count, "idle connections")
      empty(worker.resumed.count, "resumed connections")
      empty(worker.outbox.count, "bytes in the outbox")
      empty(worker.metrics.connectionsOpen, "connections open")
      empty(worker.connections.count { $0 != nil }, "connections held")
      for node in 0..<(worker.memcached?.nodeCount ?? 0) {
        empty(worker.memcached!.status(of: node).pending, "memcached requests pending")
      }
    }
  }

  /// Drained workers end, and let go of every snapshot.
  private func checkEnd() {
    for worker in workers where !worker.loop.isStopping { violated("worker \(worker.index) did not end after its drain") }
    workers = []
    let kept = models.count { $0.model != nil }
    if kept > 0 { violated("\(kept) snapshots are still held") }
  }

  var report: String {
    let asked = clients.reduce(0) { $0 + $1.asked }
    let answered = clients.reduce(0) { $0 + $1.answered }
    let seen = oracle.seen.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    return """
      \(script.weather): \(asked) asked, \(answered) answered, \(world.eventCount) events, \
      \(nodes.reduce(0) { $0 + $1.commands }) memcached commands, highest level \(highestLevel); \(seen)
      """
  }
}
