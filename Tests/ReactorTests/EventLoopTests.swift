import Glibc
import Reactor
import Testing

@Suite struct EventLoopTests {
  @Test(arguments: Core.allCases)
  func `an empty loop returns at once`(core: Core) throws {
    let loop = core.loop()
    loop.run()
  }

  @Test(arguments: Core.allCases)
  func `a loop stopped while busy closes everything and frees every handler`(core: Core) throws {
    var live = 0
    var ended = 0
    func count(_ recorder: Recorder) {
      live += 1
      recorder.onDeinit = { live -= 1 }
      recorder.onEnded = { _ in ended += 1 }
    }
    do {
      let loop = core.loop()
      let listener = try listen(loop) { server in
        count(server)
        echo(server)
      }
      let mailbox = try Mailbox<Int>(loop: loop) { _ in }
      let ticker = Timer(loop: loop) { mailbox.post(1) }
      ticker.start(milliseconds: 1, repeating: true)
      for _ in 0..<10 {
        let client = Recorder.connect(loop, to: listener.address)
        count(client)
        client.onConnected = { $0.write([UInt8](repeating: 1, count: 4 << 20)) }
        echo(client)
      }
      let end = Timer(loop: loop) { loop.stop() }
      // Virtual bytes take no time to move: 100 ms of them would be gigabytes.
      end.start(milliseconds: core == .libuv ? 100 : 1)
      loop.runToEnd()
      #expect(ended == 20)
    }
    #expect(live == 0)
  }

  @Test(arguments: Core.allCases)
  func `a loop that is dropped without having run leaves nothing`(core: Core) throws {
    var isGone = false
    do {
      let loop = core.loop()
      let listener = try Listener(loop: loop, address: .anyPort) { _ in }
      let client = Recorder.connect(loop, to: listener.address)
      client.onDeinit = { isGone = true }
      let timer = Timer(loop: loop) {}
      timer.start(milliseconds: 1)
    }
    #expect(isGone)
  }

  @Test(arguments: Core.allCases)
  func `handles may outlive their loop`(core: Core) throws {
    var loop: EventLoop? = core.loop()
    let timer = Timer(loop: loop!) {}
    let listener = try Listener(loop: loop!, address: .anyPort) { _ in }
    let client = Recorder.connect(loop!, to: listener.address)
    loop = nil
    timer.start(milliseconds: 1)
    listener.close()
    #expect(!client.write("x"))
    #expect(client.ends == ["closed here"])
  }

  @Test(arguments: Core.allCases)
  func `turn hooks run after events and before the loop sleeps`(core: Core) throws {
    let loop = core.loop()
    var log: [String] = []
    loop.atTurnEnd { if log.last != "flush" { log.append("flush") } }
    let listener = try listen(loop) { server in
      server.onReceived = { _, _ in log.append("received") }
    }
    let client = Recorder.connect(loop, to: listener.address)
    client.onConnected = { client in
      log.append("connected")
      client.write("x")
    }
    let timer = Timer(loop: loop) {
      log.append("timer")
      loop.stop()
    }
    timer.start(milliseconds: 30)
    loop.runToEnd()
    #expect(log == ["flush", "connected", "flush", "received", "flush", "timer"])
  }

  @Test(arguments: Core.allCases)
  func `a hook that holds its loop is let go when the loop ends`(core: Core) throws {
    weak var last: EventLoop?
    do {
      let loop = core.loop()
      last = loop
      loop.atTurnEnd { _ = loop.nowNanoseconds }
      loop.stop()
      loop.run()
    }
    #expect(last == nil)
  }

  @Test func `activity counts turns and the longest of them`() throws {
    let loop = try EventLoop()
    let timer = Timer(loop: loop) {
      #expect(loop.turnNanoseconds <= loop.nowNanoseconds)
      usleep(5_000)
    }
    timer.start(milliseconds: 1)
    loop.run()
    let activity = loop.takeActivity()
    #expect(activity.longestTurnNanoseconds >= 5_000_000)
    #expect(activity.busyNanoseconds >= activity.longestTurnNanoseconds)
    #expect(activity.turns >= 1)
    #expect(loop.takeActivity().longestTurnNanoseconds == 0)
  }
}
