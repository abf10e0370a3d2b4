import Reactor

/// One client of the gateway: it opens connections, asks, checks what comes back, and misbehaves as its manners say.
final class SimulatedClient {
  struct Manners {
    var pipelinedMax: UInt64 = 4
    var thinkMilliseconds: ClosedRange<UInt64> = 0...60
    /// Requests of one connection.
    var requestsPerConnection: ClosedRange<UInt64> = 1...40
    // Per thousand batches of requests.
    var drip = 0
    var stopReading = 0
    var resetAfterSending = 0
    var halfClose = 0
    var malformed = 0
    var abandonHead = 0
    // Per thousand requests.
    var events = 100
    var oddities = 60
  }

  let gateway: GatewayWorld
  let number: Int
  let loop: EventLoop
  let link: SimulatedLink
  let manners: Manners
  private var connection: ClientConnection?
  private var timer: Timer!
  private(set) var asked = 0
  private(set) var answered = 0
  var isResting = false
  /// Tags of answers, to be asked about again.
  var tags: [(ask: Question.Recommendation, tag: String)] = []

  init(_ gateway: GatewayWorld, number: Int, _ manners: Manners, _ link: SimulatedLink) {
    self.gateway = gateway
    self.number = number
    self.manners = manners
    self.link = link
    loop = EventLoop(simulated: gateway.world)
    loop.route(over: link)
    timer = Timer(loop: loop) { [unowned self] in goOn() }
  }

  /// Whether the network or the client itself may be to blame for an answer that does not come.
  var mayLose: Bool { link.resetPerMille > 0 || link.isBlackHole }

  func start() { think() }

  private func think() {
    guard !isResting else { return }
    let pause = gateway.world.random.within(manners.thinkMilliseconds)
    timer.start(milliseconds: Int(pause))
  }

  private func goOn() {
    guard !isResting else { return }
    if connection == nil {
      let connection = ClientConnection(self)
      self.connection = connection
      connection.stream.start(connection)
    }
    connection!.askSome()
  }

  /// Lets the connection go when what it owes has come.
  func rest() {
    isResting = true
    timer.stop()
    connection?.closeWhenAnswered()
  }

  func batchIsOver() { think() }

  func ended(_ connection: ClientConnection) {
    if self.connection === connection { self.connection = nil }
    think()
  }

  func noteAsked() { asked += 1 }
  func noteAnswered() { answered += 1 }

  /// What is still owed, for the end of a run.
  var owed: Int { connection?.owed ?? 0 }
}
