import Glibc
@testable import Reactor
import Synchronization
import Testing

@Suite struct MailboxTests {
  struct Letter: Sendable {
    let sender: Int
    let number: Int
  }

  @Test func `letters of many threads all arrive, each sender's in order`() throws {
    let (senders, letters) = (6, 20_000)
    let loop = try EventLoop()
    var next = [Int](repeating: 0, count: senders)
    var total = 0
    let mailbox = try Mailbox<Letter>(loop: loop) { letter in
      #expect(next[letter.sender] == letter.number)
      next[letter.sender] += 1
      total += 1
      if total == senders * letters { loop.stop() }
    }
    let threads = try (0..<senders).map { sender in
      try LoopThread.spawn(name: "sender \(sender)") {
        for number in 0..<letters { mailbox.post(Letter(sender: sender, number: number)) }
      }
    }
    loop.runToEnd(withinMilliseconds: 60_000)
    for thread in threads { thread.join() }
    #expect(total == senders * letters)
  }

  @Test func `a flood does not keep timers from their turn`() throws {
    let loop = try EventLoop()
    var delivered = 0
    let mailbox = try Mailbox<Int>(loop: loop) { _ in
      delivered += 1
      usleep(20)
    }
    for number in 0..<5_000 { mailbox.post(number) }
    var deliveredAtTimer = 0
    let timer = Timer(loop: loop) {
      deliveredAtTimer = delivered
      mailbox.close()
    }
    timer.start(milliseconds: 5)
    loop.runToEnd()
    #expect(deliveredAtTimer < 5_000)
    #expect(delivered == 5_000, "what was posted before the close is delivered")
  }

  @Test(arguments: Core.allCases)
  func `a closed mailbox refuses, delivers what it has, and lets the loop go`(core: Core) throws {
    let loop = core.loop()
    var heard: [Int] = []
    let mailbox = try Mailbox<Int>(loop: loop) { heard.append($0) }
    #expect(mailbox.post(1))
    mailbox.close()
    #expect(!mailbox.post(2))
    loop.run()
    #expect(heard == [1])
  }

  @Test func `a mailbox dropped on another thread lets the loop go`() throws {
    let loop = try EventLoop()
    let heard = Atomic(0)
    let box = Guarded<Mailbox<Int>?>(try Mailbox<Int>(loop: loop) { heard.add($0, ordering: .relaxed) })
    try withExtendedLifetime(box) {
      let thread = try LoopThread.spawn(name: "dropper", DropLater(box.withLock { $0.take()! }).drop)
      loop.runToEnd()
      thread.join()
    }
    #expect(heard.load(ordering: .relaxed) == 42)
  }

  @Test(arguments: Core.allCases)
  func `a post after the loop has stopped, or is gone, is refused`(core: Core) throws {
    var loop: EventLoop? = core.loop()
    let mailbox = try Mailbox<Int>(loop: loop!) { _ in Issue.record("delivered") }
    loop!.stop()
    #expect(!mailbox.post(1))
    loop = nil
    #expect(!mailbox.post(2))
  }

  @Test func `posts race with the loop's end without harm`() throws {
    for _ in 0..<50 {
      let loop = try EventLoop()
      var heard = 0
      let mailbox = try Mailbox<Int>(loop: loop) { _ in
        heard += 1
        if heard == 100 { loop.stop() }
      }
      let thread = try LoopThread.spawn(name: "racer") { while mailbox.post(1) {} }
      loop.run()
      thread.join()
      #expect(heard >= 100)
    }
  }

  @Test(arguments: Core.allCases)
  func `a message posted while delivering comes later, not inside`(core: Core) throws {
    let loop = core.loop()
    var heard: [Int] = []
    var isDelivering = false
    var mailbox: Mailbox<Int>?
    mailbox = try Mailbox<Int>(loop: loop) { number in
      #expect(!isDelivering)
      isDelivering = true
      heard.append(number)
      if number < 1_000 { mailbox!.post(number + 1) } else { mailbox = nil }
      isDelivering = false
    }
    mailbox!.post(1)
    loop.run()
    #expect(heard == Array(1...1_000))
  }
}

/// The last holder of a mailbox on its way to another thread.
private final class DropLater: Sendable {
  private let mailbox: Guarded<Mailbox<Int>?>
  init(_ mailbox: Mailbox<Int>) { self.mailbox = Guarded(mailbox) }

  @Sendable func drop() {
    usleep(10_000)
    let last = mailbox.withLock { $0.take() }
    last?.post(42)
  }
}
