import Bytes
import Configuration
import HTTP
import Logging
import Memcached
import Model
import Reactor
import Telemetry

/// One thread's share of the gateway: its loop, listener, connections, first cache, memcached connections, scratch and
/// counters. Workers share nothing but immutable snapshots; what they tell each other comes through mailboxes.
///
/// `Worker` performs what `Exchange`, `Flights` and the parsers decide. Its parts stand in files by what they do:
/// requests, lists, windows, answers, events, housekeeping.
final class Worker {
  let index: Int
  /// In force; `configure` alone replaces them, between two requests.
  private(set) var settings: Settings
  private(set) var placements: Placements
  private(set) var httpLimits: HTTPLimits
  let identityKey: IdentityKey
  let loop: EventLoop
  let log: Logger

  /// What is served now, by model name. Replaced as a whole between two requests.
  var catalogue = Catalogue()
  /// The placements with their snapshots in the catalogue.
  var shelves: [Shelf]

  var l1: L1Cache
  var flights = Flights()
  var windowFetches = WindowFetches()
  var memcached: MemcachedClient?
  /// Those that wait for memcached, by their ids.
  var windowUpdates: [UInt64: WindowUpdate] = [:]
  /// What composed answers rest on beside their lists: with a new catalogue, or other items available, all of them are
  /// void.
  var composedGeneration: UInt32 = 0
  /// Under which targets are hashed; nobody else knows it.
  let composedKey: IdentityKey
  var doorkeeper = Doorkeeper()
  /// A composed answer on its way into the first cache, and until when it is fresh.
  var composed = ByteBuffer(capacity: 4096)
  var composedFreshUntil: UInt32?
  /// Which lists are computed, and when.
  var admission: Admission<Flights.Flight>
  /// Has the loop go round without sleeping while lists wait to be computed.
  var turnTimer: Timer?
  var pressureLog = PressureLog()
  /// The loop's turns, its time in callbacks and the time spent on computing, as of the last poll.
  var polled: (turns: UInt64, busyNanoseconds: UInt64, computeNanoseconds: UInt64) = (0, 0, 0)
  /// Connections that were answered out of turn and have not gone on yet.
  var resumed: [Connection] = []
  var batches: [UInt64: EventBatch] = [:]
  /// Those of pages, between two uses.
  var idleBatches: [Batch] = []
  private(set) var crossOrigin: CrossOriginPolicy
  /// The API in OpenAPI's words, once somebody has asked for it under the settings in force.
  var describedAPI: OpenAPIDocument?
  /// Answers say how long their stages took.
  private(set) var tellsTimes: Bool

  var connections: [Connection?] = []
  var freeSlots: [Int] = []
  /// Of connections and of requests that wait, by `DeadlineSlot`.
  private(set) var deadlines: Deadlines!
  /// How long clients may take over what they owe.
  var patience: ConnectionDeadlines
  var idleQueue: IdleQueue
  var buffers: BufferBudget
  /// Connections that gave way to others and go on when these have had their turn.
  var givenWay: [Connection] = []
  /// Steps of the parser before a connection gives way: a request without a body is two, its head and its end.
  private(set) var stepsMax: Int
  var nextVisit: UInt64 = 0

  let scratch = ComputeScratch()
  var stageClock: StageClock
  let intake: EventIntake
  var requestBody: RequestBody
  var composer: ResponseComposer
  /// Answers composed and not yet written, all of `outboxOwner`: whoever composes claims it first.
  var outbox = ByteBuffer(capacity: 65536)
  private var outboxOwner = noOwner
  private static let noOwner = -1
  var key = ByteBuffer(capacity: 256)
  var list = ByteBuffer(capacity: 65536)
  /// Trending items of an answer whose lists are sold out.
  var available = ByteBuffer(capacity: 64)
  var skipped = ItemHashSet()
  var fields = MetadataFields()
  var random: WorkerRandom
  var metrics: WorkerMetrics
  var sampling = Sampling()
  var drainDeadlineNanoseconds: UInt64?
  private(set) var unixSeconds: UInt32 = 0

  /// What was told of latencies and turns so far.
  struct Sampling {
    var latency = LatencyHistogram()
    var longestTurnForScrape: UInt64 = 0
    var longestTurnForSample: UInt64 = 0
  }

  /// What this worker accepts on; none when an acceptor hands connections out.
  private var claims: [AddressClaim] = []
  private var workerCount = 1
  private var listeners: [Listener] = []
  /// Written here and by the acceptor.
  let load = WorkerLoad()
  /// This node says that it is not ready.
  private(set) var isLeaving = false
  /// Connections that had something under way when the time was over.
  private(set) var connectionsCut = 0
  private var tick: Timer?
  /// Flights that wait for another worker or gateway to fill their key.
  var awaiting: [Flights.Flight] = []
  var fleetTick: Timer?
  var staleWatch = StaleWatch()
  private(set) var mailbox: Mailbox<WorkerMessage>!
  /// Bytes that a connection's inbox may hold while an answer is awaited: a whole pipeline of plain requests.
  var inboxBytesMax: Int { settings.http.headBytes + settings.http.pipelinedMax * 512 }

  /// Everyone's mailboxes, for what all workers must hear.
  var peers: [Mailbox<WorkerMessage>] = []
  var control: Mailbox<ControlMessage>!

  /// `loop` and `seed` are all that a worker takes from the world: a simulation gives its own, and every run repeats.
  /// Without a seed chance comes from the system.
  init(
    index: Int, settings: Settings, placements: Placements, identityKey: IdentityKey, intake: EventIntake,
    loop: EventLoop? = nil, seed: UInt64? = nil, log: Logger = Logger(label: "worker")
  ) throws {
    self.index = index
    self.settings = settings
    self.placements = placements
    self.identityKey = identityKey
    self.intake = intake
    self.log = log
    httpLimits = HTTPLimits(settings.http)
    shelves = placements.all.enumerated().map { Shelf($0, $1, nil) }
    random = WorkerRandom(seed: seed ?? WorkerRandom.systemSeed())
    // Not from `random`, whose state shows in the ids of answers.
    composedKey = seed.map { WorkerRandom(seed: ~$0).identityKey } ?? .random()
    l1 = L1Cache(bytesMax: settings.l1Bytes, seed: random.next())
    admission = Admission(AdmissionSettings(settings))
    metrics = WorkerMetrics(placementCount: placements.all.count)
    requestBody = RequestBody(bytesMax: max(BatchRequest.bodyBytesMax(settings.http), settings.events.bodyBytes))
    crossOrigin = CrossOriginPolicy(settings.corsOrigins)
    tellsTimes = settings.http.serverTiming
    patience = ConnectionDeadlines(settings.http)
    buffers = BufferBudget(bytesMax: settings.http.bufferBytes)
    stepsMax = 2 * settings.http.pipelinedMax
    self.loop = try loop ?? EventLoop()
    stageClock = StageClock(self.loop)
    idleQueue = IdleQueue(nowNanoseconds: self.loop.nowNanoseconds)
    composer = ResponseComposer(unixSeconds: self.loop.unixSeconds)
    unixSeconds = UInt32(clamping: self.loop.unixSeconds)
    mailbox = try Mailbox(loop: self.loop) { [unowned self] message in self.receive(message) }
    deadlines = Deadlines(loop: self.loop) { [unowned self] slot in self.deadlineReached(DeadlineSlot(slot)) }
  }

  /// Opens the memcached connections. `listen` follows, and the loop runs later, on the worker's thread.
  func open(_ claims: [AddressClaim], of count: Int) throws {
    (self.claims, workerCount) = (claims, count)
    try openMemcached()
    loop.atTurnEnd(of: self) { $0.endTurn() }
    tick = Timer(loop: loop) { [unowned self] in self.housekeep() }
    tick?.start(milliseconds: Worker.tickMilliseconds, repeating: true)
    turnTimer = Timer(loop: loop) {}
    fleetTick = Timer(loop: loop) { [unowned self] in self.askAgain() }
  }

  /// Serves until told to stop.
  func run() { loop.run() }

  /// Takes the time once a tick and once a turn with input: lists and headers count in seconds.
  func refreshClock() {
    let now = loop.unixSeconds
    unixSeconds = UInt32(clamping: now)
    composer.refreshDate(unixSeconds: now)
  }

  // MARK: Connections.

  func accepted(_ stream: consuming ByteStream, handed: HandedConnection? = nil) {
    guard admission.level.accepts, makeRoom() else {
      metrics.connectionsShed += 1
      return
    }
    let slot = freeSlots.popLast() ?? connections.count
    if slot == connections.count { connections.append(nil) }
    let connection = Connection(stream, worker: self, slot: slot)
    connection.handed = handed
    connections[slot] = connection
    metrics.connectionsAccepted += 1
    metrics.connectionsOpen += 1
    connection.stream.start(connection)
    watchIdleness(of: connection)
  }

  func connectionEnded(_ connection: Connection, _ reason: CloseReason) {
    metrics.closed.count(reason)
    forget(connection)
    connections[connection.slot] = nil
    freeSlots.append(connection.slot)
    // One that made room was replaced when its close began.
    if reason != .room { metrics.connectionsOpen -= 1 }
    if drainDeadlineNanoseconds != nil && metrics.connectionsOpen == 0 { stop() }
  }

  /// What is composed from now on is for this connection. A flight that lands while a pipeline is being answered
  /// composes for others in between: what was composed before is sent first.
  func claimOutbox(for connection: Connection) {
    if outboxOwner != connection.slot && outboxOwner != Worker.noOwner, let owner = connections[outboxOwner] {
      flush(owner)
    }
    outboxOwner = connection.slot
  }

  /// Sends what has been composed for a connection, in one write.
  func flush(_ connection: Connection) {
    guard !outbox.isEmpty else { return }
    precondition(outboxOwner == connection.slot, "an answer would go to another connection")
    connection.flushedBytes &+= UInt64(outbox.count)
    connection.stream.write(outbox.bytes)
    outbox.removeAll()
    outboxOwner = Worker.noOwner
  }

  // MARK: What control asks for. `Worker+Lifecycle` says more.

  /// Begins to accept.
  func listen() throws(LoopError) {
    for claim in claims {
      for socket in try claim.open(index, of: workerCount) {
        listeners.append(
          try Listener(loop: loop, adopting: socket, at: claim.address) { [unowned self] in self.accepted($0) })
      }
    }
  }

  /// Replaces what this worker serves by.
  func configure(_ inForce: InForce) {
    let old = settings
    (settings, placements) = (inForce.settings, inForce.placements)
    httpLimits = HTTPLimits(settings.http)
    crossOrigin = CrossOriginPolicy(settings.corsOrigins)
    tellsTimes = settings.http.serverTiming
    patience = ConnectionDeadlines(settings.http)
    stepsMax = 2 * settings.http.pipelinedMax
    describedAPI = nil
    settingsChanged(from: old)
  }

  /// Says from now on that this node is not ready.
  func leave() { isLeaving = true }

  /// No new connections; quiet ones are closed, the others when they have been answered.
  func drain(deadlineNanoseconds: UInt64) {
    guard drainDeadlineNanoseconds == nil else { return }
    isLeaving = true
    drainDeadlineNanoseconds = deadlineNanoseconds
    listeners = []
    hurryClients()
    if metrics.connectionsOpen == 0 { stop() }
  }

  func stop() {
    connectionsCut = countUnderWay()
    loop.stop()
  }
}

extension HTTPLimits {
  init(_ settings: HTTPSettings) {
    self.init()
    headBytes = settings.headBytes
    // A line with its end, and the empty line before it, must fit into a head.
    lineBytes = min(lineBytes, settings.headBytes - 4)
    bodyBytes = settings.bodyBytes
  }
}
