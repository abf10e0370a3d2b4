import Testing

@testable import Gateway

@Suite struct EndingTests {
  private let second: UInt64 = 1_000_000_000
  private let start: UInt64 = 5_000_000_000

  private func ending(lameDuck: Int = 0) -> Ending {
    Ending(lameDuckMilliseconds: lameDuck, timeoutMilliseconds: 15_000)
  }

  @Test func `a signal is announced at once, then nothing may begin, then what began is finished`() {
    var ending = ending(lameDuck: 3000)
    #expect(ending.begin(.signal, now: start) == [.announce])
    #expect(ending.nextNanoseconds == start + 3 * second)
    #expect(ending.advance(now: start + 3 * second - 1) == [])
    #expect(ending.advance(now: start + 3 * second) == [.stopArrivals])
    let settled = start + 3 * second + Ending.settlingNanoseconds
    #expect(ending.nextNanoseconds == settled)
    #expect(ending.advance(now: settled - 1) == [])
    #expect(ending.advance(now: settled) == [.finish(deadlineNanoseconds: start + 15 * second)])
    #expect(ending.nextNanoseconds == nil && ending.stage == .finishing)
    #expect(ending.advance(now: settled + second) == [])
  }

  @Test func `without a lame-duck time, and for who waits at a terminal, arrivals stop at once`() {
    var signalled = ending()
    #expect(signalled.begin(.signal, now: start) == [.announce, .stopArrivals])
    var interrupted = ending(lameDuck: 3000)
    #expect(interrupted.begin(.interrupt, now: start) == [.announce, .stopArrivals])
  }

  @Test func `sockets that others have, too, are left alone`() {
    var ending = ending()
    #expect(
      ending.begin(.signal, mayStopArrivals: false, now: start)
        == [.announce, .finish(deadlineNanoseconds: start + 15 * second)])
  }

  @Test func `a successor is waited for no more`() {
    var ending = ending(lameDuck: 3000)
    #expect(
      ending.begin(.successor, now: start) == [.announce, .finish(deadlineNanoseconds: start + 15 * second)])
    #expect(ending.stage == .finishing)
  }

  @Test(arguments: [0, 1, 2])
  func `a second signal ends it at once, at whatever stage`(stage: Int) {
    var ending = ending(lameDuck: 1000)
    _ = ending.begin(.signal, now: start)
    for step in 0..<stage { _ = ending.advance(now: start + UInt64(step + 1) * second) }
    #expect(ending.begin(.signal, now: start + 9 * second) == [.cut])
    #expect(ending.begin(.successor, now: start + 9 * second) == [], "a successor is no hurry")
  }
}

@Suite struct HandoverMessageTests {
  private let messages: [HandoverMessage] = [
    .take, .ready, .taken, .refused("this gateway is ending"), .sockets([], isReady: false, isLast: true),
    .sockets(
      [
        .init(role: .public, isServiceManagers: false), .init(role: .public, isServiceManagers: true),
        .init(role: .admin, isServiceManagers: false),
      ], isReady: true, isLast: false),
  ]

  @Test func `what is said is understood`() {
    for message in messages { #expect(HandoverMessage(message.text) == message) }
  }

  @Test(arguments: [
    "", " ", "take 1", "needletail", "needletail take", "needletail take 2", "needletail take 1 1",
    "needletail take 1\n",
    "needletail ready now", "GET / HTTP/1.1\r\n\r\n", "needletail sockets", "needletail sockets ready",
    "needletail sockets ready first",
    "needletail sockets ready last\n", "needletail sockets ready last\npublic",
    "needletail sockets ready last\npublic mine",
    "needletail sockets ready last\nprivate own", "\u{0}\u{1}", "needletail  take 1",
  ])
  func `what is no such message is none`(text: String) { #expect(HandoverMessage(text) == nil) }

  @Test func `no cut of a message is another one, but for a shorter reason`() {
    for message in messages {
      let text = message.text
      for end in text.indices {
        let cut = HandoverMessage(String(text[..<end]))
        if case .refused = message { continue }
        // A whole line less is a message that promises fewer sockets; the descriptors that came tell it apart.
        if case .sockets = cut { continue }
        #expect(cut == nil, "\(text[..<end])")
      }
    }
  }
}
