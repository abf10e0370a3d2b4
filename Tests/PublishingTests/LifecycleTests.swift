import Bytes
import Testing

@testable import Publishing

@Suite struct LifecycleTests {
  private let identity = ModelIdentity(name: "home", version: 3, digest: SHA256.digest("3".utf8.span.bytes))

  @Test func `a version goes up and down one state at a time`() throws {
    var life = Lifecycle(identity)
    for state in [ModelState.fetching, .verifying, .loading, .warming, .ready, .serving, .draining, .unloaded] {
      try life.advance(to: state)
      #expect(life.state == state)
    }
  }

  @Test func `every other move is an error and changes nothing`() {
    let legal: Set<[ModelState]> = [
      [.discovered, .fetching], [.fetching, .verifying], [.verifying, .loading], [.loading, .warming],
      [.warming, .ready], [.ready, .serving], [.ready, .draining], [.serving, .ready], [.serving, .draining],
      [.draining, .unloaded],
    ]
    for from in ModelState.allCases {
      for to in ModelState.allCases {
        var life = lifecycle(in: from)
        do {
          try life.advance(to: to)
          #expect(legal.contains([from, to]), "\(from) to \(to)")
        } catch {
          #expect(!legal.contains([from, to]) && life == lifecycle(in: from))
          #expect(error.description == "\(identity) cannot go from \(from.rawValue) to \(to.rawValue)")
        }
      }
    }
  }

  @Test func `a version is rejected from anywhere but an end, with its reason`() throws {
    for from in ModelState.allCases {
      var life = lifecycle(in: from)
      if from.isFinal {
        #expect(throws: Lifecycle.IllegalMove.self) { try life.reject(.probeFailed, detail: "x") }
      } else {
        try life.reject(PublishError(.probeFailed, "2 of 10 probes agree"))
        #expect(life.state == .rejected && life.reason == .probeFailed && life.detail == "2 of 10 probes agree")
      }
    }
  }

  @Test func `progress rises inside a state and starts anew in the next`() throws {
    var life = Lifecycle(identity)
    life.report(progress: 0.5)
    life.report(progress: 0.25)
    life.report(progress: .nan)
    #expect(life.progress == 0.5)
    life.report(progress: 7)
    #expect(life.progress == 1)
    try life.advance(to: .fetching, detail: "from /repository")
    #expect(life.progress == 0 && life.detail == "from /repository")
  }

  private func lifecycle(in state: ModelState) -> Lifecycle {
    var life = Lifecycle(identity)
    let way: [ModelState] = [.fetching, .verifying, .loading, .warming, .ready, .serving, .draining, .unloaded]
    if state == .rejected { try! life.reject(.fetchFailed, detail: "") }
    for next in way where life.state != state && state != .rejected { try! life.advance(to: next) }
    return life
  }
}
