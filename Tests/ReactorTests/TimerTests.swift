import Reactor
import Testing

@Suite struct TimerTests {
  @Test(arguments: Core.allCases)
  func `a timer fires once, not before its time`(core: Core) throws {
    let loop = core.loop()
    var fired: [UInt64] = []
    let begun = loop.nowNanoseconds
    let timer = Timer(loop: loop) { [loop] in fired.append(loop.nowNanoseconds - begun) }
    timer.start(milliseconds: 20)
    #expect(timer.isActive)
    loop.runToEnd()
    #expect(fired.count == 1)
    // Milliseconds of the cached clock: up to one early.
    #expect(fired[0] >= 19_000_000)
    #expect(!timer.isActive)
  }

  @Test(arguments: Core.allCases)
  func `a repeating timer fires until it is stopped inside itself`(core: Core) throws {
    let loop = core.loop()
    var count = 0
    var timer: Timer?
    timer = Timer(loop: loop) {
      count += 1
      if count == 5 { timer!.stop() }
    }
    timer!.start(milliseconds: 1, repeating: true)
    loop.runToEnd()
    #expect(count == 5)
    timer = nil
  }

  @Test(arguments: Core.allCases)
  func `a restarted timer fires at its new time only`(core: Core) throws {
    let loop = core.loop()
    var count = 0
    let timer = Timer(loop: loop) { count += 1 }
    timer.start(milliseconds: 5)
    timer.start(milliseconds: 10)
    loop.runToEnd()
    #expect(count == 1)
  }

  @Test(arguments: Core.allCases)
  func `a dropped timer does not fire`(core: Core) throws {
    let loop = core.loop()
    do {
      let timer = Timer(loop: loop) { Issue.record("fired") }
      timer.start(milliseconds: 1)
    }
    loop.run()
  }

  @Test(arguments: Core.allCases)
  func `a timer dropped inside its own closure is safe`(core: Core) throws {
    let loop = core.loop()
    var count = 0
    var timer: Timer?
    timer = Timer(loop: loop) {
      count += 1
      timer = nil
    }
    timer!.start(milliseconds: 1, repeating: true)
    loop.run()
    #expect(count == 1)
  }

  @Test(arguments: Core.allCases)
  func `a timer of a stopped loop is silent`(core: Core) throws {
    let loop = core.loop()
    let timer = Timer(loop: loop) { Issue.record("fired") }
    timer.start(milliseconds: 1)
    loop.stop()
    loop.run()
    timer.start(milliseconds: 1)
    timer.stop()
    loop.run()
    #expect(!timer.isActive)
  }
}
