import Testing

@testable import Gateway

private typealias Question = Exchange.Question
private typealias Answer = Exchange.Answer

@Suite struct ExchangeTests {
  private func begun(_ question: Question) -> (Exchange, Exchange.Action) {
    var exchange = Exchange(question)
    let action = exchange.begin()
    return (exchange, action)
  }

  @Test func `a visitor without a name gets the list of a segment, and that is no fallback`() {
    var (exchange, action) = begun(Question(scope: .auto))
    #expect(action == .find(.segment))
    action = exchange.found(.segment, at: .l1)
    #expect(action == .answer(Answer(source: .list(.segment), tier: .l1)))
    #expect(exchange.isAnswered)
  }

  @Test func `a user with a window gets a list of their own`() {
    var (exchange, action) = begun(Question(scope: .auto, user: .unknown))
    #expect(action == .fetchWindow)
    action = exchange.windowKnown(.some)
    #expect(action == .find(.user))
    action = exchange.found(.user, at: .computed)
    #expect(action == .answer(Answer(source: .list(.user), tier: .computed)))
  }

  @Test func `an unknown user without a window gets a segment's list with the reason`() {
    var (exchange, _) = begun(Question(scope: .auto, user: .unknown))
    var action = exchange.windowKnown(.empty)
    #expect(action == .find(.segment))
    action = exchange.found(.segment, at: .l2)
    guard case .answer(let answer) = action else { Issue.record("\(action)"); return }
    #expect(answer.fallback?.reason == .unknownUser && answer.fallback?.source == .segment)
  }

  @Test func `a known user without a window gets the segment's list under auto and the own one under user`() {
    var (auto, _) = begun(Question(scope: .auto, user: .known))
    let segment = auto.windowKnown(.empty)
    #expect(segment == .find(.segment))
    let answer = auto.found(.segment, at: .l1)
    #expect(answer == .answer(Answer(source: .list(.segment), tier: .l1)))
    var (user, _) = begun(Question(scope: .user, user: .known))
    let own = user.windowKnown(.unavailable)
    #expect(own == .find(.user))
  }

  @Test func `a placement of scope user says when the cache kept it from the user's window`() {
    var (exchange, _) = begun(Question(scope: .user, user: .unknown))
    _ = exchange.windowKnown(.unavailable)
    #expect(exchange.reason == .cacheUnavailable)
  }

  @Test func `a placement of scope segment never asks for a window`() {
    #expect(begun(Question(scope: .segment, user: .known)).1 == .find(.segment))
  }

  @Test func `an item leads to its list, an unknown one to the trending list with the reason`() {
    #expect(begun(Question(scope: .auto, item: .known, user: .known)).1 == .find(.item))
    guard case .answer(let answer) = begun(Question(scope: .auto, item: .unknown)).1 else {
      Issue.record("no answer"); return
    }
    #expect(
      answer.source == .trending && answer.fallback?.reason == .unknownItem && answer.fallback?.source == .popular)
  }

  @Test func `an unknown segment is answered by another with the reason`() {
    var (exchange, action) = begun(Question(scope: .auto, segment: .unknown))
    #expect(action == .find(.segment))
    action = exchange.found(.segment, at: .l1)
    guard case .answer(let answer) = action else { Issue.record("\(action)"); return }
    #expect(answer.fallback?.reason == .unknownSegment)
  }

  @Test func `without a snapshot the answer is empty and says so`() {
    guard case .answer(let answer) = begun(Question(scope: .auto, hasModel: false)).1 else {
      Issue.record("no answer"); return
    }
    #expect(
      answer.source == .nothing && answer.fallback?.reason == .modelUnavailable && answer.fallback?.source == .static)
  }

  @Test func `the placement trending answers at once and without a fallback`() {
    #expect(begun(Question(scope: .auto, wantsTrending: true)).1 == .answer(Answer(source: .trending, tier: .popular)))
  }

  @Test func `at its deadline an exchange takes what is trending`() {
    var (exchange, _) = begun(Question(scope: .auto))
    guard case .answer(let popular) = exchange.cutShort(because: .overloaded) else { Issue.record("no answer"); return }
    #expect(popular.tier == .popular && popular.fallback?.reason == .overloaded)
  }

  @Test func `what comes after the answer changes nothing`() {
    var (exchange, _) = begun(Question(scope: .auto, user: .known))
    _ = exchange.cutShort(because: .deadlineExceeded)
    for action in [
      exchange.windowKnown(.some), exchange.found(.segment, at: .l2), exchange.cutShort(because: .overloaded),
    ] {
      #expect(action == .wait)
    }
  }

  @Test func `a user of whom only unknown items are known gets the segment's list with the reason`() {
    var (exchange, _) = begun(Question(scope: .auto, user: .unknown))
    #expect(exchange.windowKnown(.some) == .find(.user))
    #expect(exchange.missing(.user, because: .unknownUser) == .find(.segment))
    guard case .answer(let answer) = exchange.found(.segment, at: .l1) else { Issue.record("no answer"); return }
    #expect(answer.fallback?.reason == .unknownUser && answer.fallback?.source == .segment)
  }

  @Test func `a filter that leaves nothing of a user's list leaves nothing of the segment's either`() {
    var (exchange, _) = begun(Question(scope: .auto, user: .unknown))
    _ = exchange.windowKnown(.some)
    guard case .answer(let answer) = exchange.missing(.user, because: .filterEmpty) else {
      Issue.record("no answer"); return
    }
    #expect(answer.fallback?.reason == .filterEmpty && answer.source == .trending)
  }
}
