import Reactor
import Testing

/// What the simulator does beyond libuv: time that is free, faults that are scripted, runs that repeat.
@Suite struct SimulatedWorldTests {
  @Test func `an hour passes in no time and wall clocks may jump`() throws {
    let world = SimulatedWorld(seed: 1)
    let loop = EventLoop(simulated: world)
    let (begun, wall) = (loop.nowNanoseconds, loop.unixSeconds)
    var fired: UInt64 = 0
    let timer = Timer(loop: loop) { fired = loop.nowNanoseconds }
    timer.start(milliseconds: 3_600_000)
    loop.run()
    #expect(fired == begun + 3_600_000_000_000)
    #expect(loop.unixSeconds == wall + 3600)
    world.wallSecondsAtZero -= 86_400
    #expect(loop.unixSeconds == wall + 3600 - 86_400)
    #expect(loop.nowNanoseconds == fired)
  }

  @Test func `the same seed is the same run and another seed is another`() throws {
    let digests = try [7, 7, 8].map { try conversation(seed: $0).digest }
    #expect(digests[0] == digests[1])
    #expect(digests[0] != digests[2])
  }

  @Test(arguments: 1...20)
  func `bytes cut, delayed and taken in part arrive whole and in order`(seed: UInt64) throws {
    let conversation = try conversation(seed: seed)
    #expect(conversation.heard == conversation.said, "seed \(seed)")
    #expect(conversation.pieces > 10, "the faults are off")
  }

  @Test func `a black hole lets nothing through until it ends`() throws {
    let world = SimulatedWorld(seed: 3)
    let (server, client) = (EventLoop(simulated: world), EventLoop(simulated: world))
    let listener = try listen(server, arrange: echo)
    let peer = Recorder.connect(client, to: listener.address)
    world.run(milliseconds: 5)
    world.link(to: listener.address).isBlackHole = true
    peer.write("lost")
    let late = Recorder.connect(client, to: listener.address)
    world.run(milliseconds: 10_000)
    #expect(peer.bytes.isEmpty && late.events.isEmpty)
    world.link(to: listener.address).isBlackHole = false
    world.run(milliseconds: 1_000)
    #expect(peer.text == "lost")
    #expect(late.events == ["connected"])
  }

  @Test func `a reset ends both sides with a failure`() throws {
    let world = SimulatedWorld(seed: 3)
    let (server, client) = (EventLoop(simulated: world), EventLoop(simulated: world))
    var accepted: Recorder?
    let listener = try listen(server) { accepted = $0 }
    let peer = Recorder.connect(client, to: listener.address)
    world.run(milliseconds: 5)
    world.link(to: listener.address).resetPerMille = 1000
    peer.write("never arrives")
    world.run(milliseconds: 5)
    #expect(peer.ends == ["failed ECONNRESET"])
    #expect(accepted!.ends == ["failed ECONNRESET"])
    #expect(accepted!.bytes.isEmpty)
  }

  @Test func `closing with unread input resets the peer`() throws {
    let world = SimulatedWorld(seed: 3)
    let (server, client) = (EventLoop(simulated: world), EventLoop(simulated: world))
    let listener = try listen(server) { accepted in
      accepted.stream.pauseReading()
      accepted.onEnded = { _ in }
      let timer = Timer(loop: server) { accepted.stream.close() }
      timer.start(milliseconds: 20)
      accepted.onDeinit = { _ = timer }
    }
    let peer = Recorder.connect(client, to: listener.address)
    peer.write("unread")
    world.run(milliseconds: 100)
    #expect(peer.ends == ["failed ECONNRESET"])
  }

  @Test func `a killed peer is a reset here`() throws {
    let world = SimulatedWorld(seed: 4)
    let (server, client) = (EventLoop(simulated: world), EventLoop(simulated: world))
    let listener = try listen(server) { accepted in
      accepted.onReceived = { accepted, _ in accepted.stream.resetSimulated() }
    }
    let peer = Recorder.connect(client, to: listener.address)
    peer.write("x")
    world.run(milliseconds: 100)
    #expect(peer.ends == ["failed ECONNRESET"])
  }

  @Test func `work takes time and what comes meanwhile waits for the next turn`() throws {
    let world = SimulatedWorld(seed: 5)
    let busy = EventLoop(simulated: world, pace: SimulatedPace(lookNanoseconds: 1_000_000...1_000_000))
    let other = EventLoop(simulated: world)
    var log: [String] = []
    var heard: UInt64 = 0
    let mailbox = try Mailbox<Int>(loop: other) { _ in heard = other.nowNanoseconds }
    let worker = Timer(loop: busy) {
      for _ in 0..<10 { _ = busy.nowNanoseconds }
      log.append("worked")
      mailbox.post(1)
    }
    let meanwhile = Timer(loop: busy) { log.append("waited \(busy.turnNanoseconds / 1_000_000)") }
    let begun = world.nowNanoseconds / 1_000_000
    worker.start(milliseconds: 5)
    meanwhile.start(milliseconds: 6)
    world.run(milliseconds: 100)
    // Ten looks of 1 ms each, and a few of the loop's own.
    #expect(log.first == "worked")
    let waited = try #require(log.last.flatMap { UInt64($0.dropFirst(7)) })
    #expect((begun + 15...begun + 20).contains(waited))
    #expect(heard >= (begun + 15) * 1_000_000, "nothing is heard before it is said")
  }

  // MARK: -

  private struct Conversation {
    var said: [UInt8] = []
    var heard: [UInt8] = []
    var pieces = 0
    var digest: UInt64 = 0
  }

  /// A client that sends to an echo through a network that does everything but lose.
  private func conversation(seed: UInt64) throws -> Conversation {
    let world = SimulatedWorld(seed: seed)
    let (server, client) = (EventLoop(simulated: world), EventLoop(simulated: world))
    let listener = try listen(server, arrange: echo)
    let link = world.link(to: listener.address)
    (link.splitPerMille, link.partialWritePerMille, link.shortReadPerMille) = (500, 500, 500)
    link.bufferBytes = 300
    var conversation = Conversation()
    conversation.said = (0..<5_000).map { _ in UInt8(truncatingIfNeeded: world.random.next()) }
    let peer = Recorder.connect(client, to: listener.address)
    peer.write(conversation.said)
    peer.onReceived = { _, _ in conversation.pieces += 1 }
    world.run(milliseconds: 10_000)
    conversation.heard = peer.bytes
    conversation.digest = world.digest
    return conversation
  }
}
