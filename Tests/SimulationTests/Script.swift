import Reactor

/// What happens in one simulated run, drawn from its seed: who is there, what goes wrong and when.
struct Script {
  /// Each seed has one kind of weather, so that gentle runs keep the checks that rough ones have to leave out.
  enum Weather: UInt64, CaseIterable, Sendable {
    /// Nothing goes wrong at all: every check is at its strictest.
    case calm
    /// Clients drip, pipeline, half-close, stop reading, reset, and send garbage.
    case unruly
    /// The network cuts, delays and resets.
    case rough
    /// Nodes of memcached lie, stall and lose replies.
    case lying
    /// Nodes of memcached die, come back cold, and vanish into black holes; the clock jumps.
    case dying
    /// The gateway's machine is slow and stalls.
    case slow
    /// More is asked than can be computed, and nothing is cached: the ladder of pressure is climbed and descended.
    case flood
    /// More clients than connections.
    case crowd
    /// Everything at once.
    case storm
  }

  let seed: UInt64
  let weather: Weather
  var workers = 1
  var clients = 6
  var nodes = 2
  var seconds = 2
  var (freshSeconds, staleSeconds) = (1, 2)
  var deadlineMilliseconds = 50
  var pace = SimulatedPace(lookNanoseconds: 200...2_000)
  var manners = SimulatedClient.Manners()
  var faults = SimulatedMemcached.Faults()
  /// Versions served one after the other.
  var swaps = 2
  /// Deaths and black holes of nodes, jumps of the clock.
  var accidents = 0
  var clockJumps = 0
  /// Drains while clients are still asking.
  var drainsEarly = false
  /// Connections may be closed for want of room.
  var mayShed = false
  var settings: [String: String] = [:]

  // For tests of the tests: what is wrong on purpose.
  /// Changes what clients receive.
  var tamper: ([UInt8]) -> [UInt8] = { $0 }
  /// Takes the answers of a pipeline to be in another order.
  var confusesOrder = false
  /// Asks nothing else.
  var only: ((inout SimulatedRandom) -> Question)?
  /// Done to the gateway when the last question has been asked.
  var sabotage: (GatewayWorld) -> Void = { _ in }

  /// The run of a seed.
  init(seed: UInt64) {
    self.init(seed: seed, weather: Weather.allCases[Int(seed % UInt64(Weather.allCases.count))])
  }

  init(seed: UInt64, weather: Weather) {
    self.seed = seed
    self.weather = weather
    var random = SimulatedRandom(seed: seed ^ 0x5C819D)
    workers = 1 + Int(random.below(2))
    clients = 3 + Int(random.below(5))
    nodes = Int(random.below(4))
    swaps = 1 + Int(random.below(4))
    drainsEarly = random.chance(perMille: 300)
    switch weather {
    case .calm: break
    case .unruly: misbehave()
    case .rough: misbehave()
    case .lying:
      nodes = max(nodes, 1)
      lie(&random)
    case .dying:
      nodes = max(nodes, 1)
      (accidents, clockJumps) = (2 + Int(random.below(6)), Int(random.below(3)))
    case .slow: stall()
    case .flood: flood()
    case .crowd:
      (clients, workers, mayShed) = (16, 1, true)
      settings = ["http.connectionsMax": "4"]
    case .storm:
      misbehave()
      stall()
      lie(&random)
      (accidents, clockJumps) = (2, 1)
    }
  }

  /// No node loses what it was given, and none is taken for dead.
  var windowsAreSafe: Bool { weather == .calm || weather == .unruly }
  var isNetworkRough: Bool { weather == .rough || weather == .storm }

  private mutating func misbehave() {
    (manners.drip, manners.stopReading, manners.resetAfterSending) = (100, 60, 20)
    (manners.halfClose, manners.malformed, manners.abandonHead) = (200, 20, 10)
    manners.pipelinedMax = 12
  }

  private mutating func lie(_ random: inout SimulatedRandom) {
    // Most kinds of lie cost the connection, and with it minutes of backoff: a few kinds a run, each seldom, let a node
    // be asked again and again.
    faults.otherKey = Int(random.below(100))
    for _ in 0..<1 + random.below(3) {
      switch random.below(9) {
      case 0: (faults.stall, faults.stallMilliseconds) = (20, 1...7)
      case 1: (faults.stall, faults.stallMilliseconds) = (4, 9...60)
      case 2: faults.loseReply = 3
      case 3: faults.swapReplies = 3
      case 4: faults.wrongOpaque = 3
      case 5: faults.wrongLength = 3
      case 6: faults.serverError = 5
      case 7: faults.garbage = 3
      default: (faults.cutReply, faults.reset) = (2, 2)
      }
    }
  }

  /// Some 30 clients that do not think, and a core that takes milliseconds for what a real one does in microseconds.
  private mutating func flood() {
    (clients, workers, seconds, nodes) = (30, 1, 1, min(nodes, 1))
    manners.thinkMilliseconds = 0...2
    manners.pipelinedMax = 8
    manners.events = 20
    pace = SimulatedPace(lookNanoseconds: 100_000...700_000)
    settings = ["cache.l1.bytes": "0", "overload.targetDelay": "5ms"]
    // A turn may take longer than the oracle knows of; what was promised is less, not late.
    mayShed = true
  }

  private mutating func stall() {
    pace = SimulatedPace(lookNanoseconds: 1_000...60_000, stallPerMille: 2, stallNanoseconds: 100_000...30_000_000)
  }

  /// A client's link; rough ones each have their own faults.
  func link(_ random: inout SimulatedRandom) -> SimulatedLink {
    let link = SimulatedLink()
    guard isNetworkRough else { return link }
    link.latencyNanoseconds = 10_000...(20_000 + random.below(2_000_000))
    link.splitPerMille = Int(random.below(600))
    link.partialWritePerMille = Int(random.below(300))
    link.shortReadPerMille = Int(random.below(300))
    link.resetPerMille = random.chance(perMille: 300) ? 1 + Int(random.below(8)) : 0
    return link
  }

  /// A node's link.
  func disturb(_ link: SimulatedLink, _ random: inout SimulatedRandom) {
    guard isNetworkRough || weather == .lying else { return }
    link.splitPerMille = Int(random.below(600))
    link.partialWritePerMille = Int(random.below(300))
    link.shortReadPerMille = Int(random.below(300))
    if isNetworkRough { link.resetPerMille = Int(random.below(4)) }
  }
}

// What clients ask.
extension Script {
  func question(for client: SimulatedClient) -> Question {
    let world = client.gateway.world
    if let only { return only(&world.random) }
    if world.random.chance(perMille: manners.events) { return events(client) }
    if world.random.chance(perMille: manners.oddities) { return oddity(&world.random) }
    if world.random.chance(perMille: 30), let known = client.tags.last {
      var ask = known.ask
      ask.entityTag = known.tag
      return .recommendation(ask)
    }
    return .recommendation(recommendation(&world.random))
  }

  private func recommendation(_ random: inout SimulatedRandom) -> Question.Recommendation {
    var ask = Question.Recommendation()
    ask.placement = ["home", "home", "mine", "detail", "trending"][Int(random.below(5))]
    ask.count = 1 + Int(random.below(5))
    // Few users and few forms of a question, so that they meet in flights and in composed answers.
    let taste = Int(random.below(UInt64(TasteShop.tastes)))
    switch ask.placement {
    case "detail" where random.chance(perMille: 900):
      ask.item = (taste, Int(random.below(UInt64(TasteShop.itemsPerTaste))))
      ask.isItemUnknown = false
      if random.chance(perMille: 200) { ask.user = Int(random.below(UInt64(TasteShop.tastes))) }
      if random.chance(perMille: 50) { (ask.item, ask.isItemUnknown) = (nil, true) }
    case "mine": ask.user = taste
    default:
      if random.chance(perMille: 700) { ask.user = taste }
      if random.chance(perMille: 150) { ask.segment = Int(random.below(UInt64(TasteShop.segments))) }
    }
    if ask.user == nil, random.chance(perMille: 100) { ask.stranger = "stranger-\(random.below(50))" }
    if random.chance(perMille: 100) {
      ask.excluded = (0..<2).map { _ in TasteShop.item(taste, Int(random.below(UInt64(TasteShop.itemsPerTaste)))) }
    }
    if random.chance(perMille: 100) { ask.timeoutMilliseconds = 1 + Int(random.below(60)) }
    ask.isPost = random.chance(perMille: 100)
    ask.isHead = !ask.isPost && random.chance(perMille: 30)
    return ask
  }

  private func events(_ client: SimulatedClient) -> Question {
    let world = client.gateway.world
    let user = Int(world.random.below(UInt64(TasteShop.tastes)))
    // Three items at most, so that a window never hides a whole taste.
    let places = (0..<1 + world.random.below(2)).map { _ in TasteShop.seenPerUser + Int(world.random.below(3)) }
    client.gateway.oracle.sends(events: places.count, of: user)
    return .events(user: user, places: places, id: "e\(client.number)-\(client.asked)")
  }

  private func oddity(_ random: inout SimulatedRandom) -> Question {
    switch random.below(7) {
    case 0: .plain(.live, "GET", "/livez")
    case 1: .plain(.ready, "GET", "/readyz")
    case 2: .plain(.unknownPath, "GET", "/nothing/here")
    case 3: .plain(.options, "OPTIONS", "/v1/placements/home/recommendations")
    case 4: .plain(.refused(404), "GET", "/v1/placements/nowhere/recommendations")
    case 5: .plain(.refused(405), "DELETE", "/v1/events")
    default: .plain(.refused(400), "GET", "/v1/placements/home/recommendations?numResults=many")
    }
  }

  func malformed(_ random: inout SimulatedRandom) -> Question {
    switch random.below(6) {
    case 0: .malformed("GET / HTTP/9.9\r\nHost: a\r\n\r\n")
    case 1: .malformed("GET / HTTP/1.1\r\n\r\n")
    case 2: .malformed("POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n")
    case 3: .malformed("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n")
    case 4: .malformed("\u{1}\u{2}\u{3} garbage\r\n\r\n")
    default: .malformed("POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
    }
  }
}
