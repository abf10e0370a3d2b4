import Bytes
import TestSupport
import Testing

@testable import Publishing

@Suite struct FleetWaitTests {
  private func wait(_ nodes: Int, _ quorum: String, _ wanted: ModelState = .serving) throws -> FleetWait {
    FleetWait(nodes: nodes, wanted: wanted, quorum: try #require(FleetWait.Quorum(parsing: quorum)))
  }

  private func standing(_ state: ModelState, _ reason: RejectReason? = nil) -> FleetWait.Standing {
    .standing(state, reason: reason, detail: "", progress: 0)
  }

  @Test(arguments: [
    ("80%", 10, 8), ("80%", 3, 3), ("50%", 3, 2), ("1%", 3, 1), ("100%", 7, 7), ("2", 5, 2), ("9", 5, 5),
    ("33.4%", 3, 2),
  ]) func `a share is rounded up, a number is at most all`(text: String, total: Int, nodes: Int) {
    #expect(FleetWait.Quorum(parsing: text)?.nodes(of: total) == nodes)
  }

  @Test(arguments: ["0%", "101%", "0", "-1", "x", "", "%", "nan%"]) func `what is no share is refused`(text: String) {
    #expect(FleetWait.Quorum(parsing: text) == nil)
  }

  @Test func `enough nodes are enough`() throws {
    var wait = try wait(5, "80%")
    for node in 0..<4 {
      #expect(wait.outcome == nil)
      wait.note(standing(.serving), of: node)
    }
    #expect(wait.outcome == .reached && wait.reached == 4)
  }

  @Test func `a node that is ready serves if only that is wanted`() throws {
    var wanted = try wait(1, "1", .ready)
    wanted.note(standing(.serving), of: 0)
    #expect(wanted.outcome == .reached)
    var serving = try wait(1, "1")
    serving.note(standing(.ready), of: 0)
    #expect(serving.outcome == nil)
  }

  @Test func `it is over as soon as it cannot be reached any more`() throws {
    var wait = try wait(5, "80%")
    wait.note(standing(.rejected, .digestMismatch), of: 3)
    #expect(wait.outcome == nil)
    wait.note(standing(.rejected, .probeFailed), of: 4)
    #expect(wait.outcome == .rejected(.digestMismatch))
    wait.note(standing(.serving), of: 3)
    #expect(wait.outcome == nil)
  }

  @Test func `a fault that may pass is waited for`() throws {
    var wait = try wait(1, "1")
    wait.note(standing(.rejected, .fetchFailed), of: 0)
    #expect(wait.outcome == nil && wait.outcomeOfDeadline == .late)
  }

  @Test func `a signature that is missing is not waited for: whoever waits would have to bring it`() throws {
    var wait = try wait(1, "1")
    wait.note(standing(.rejected, .signatureMissing), of: 0)
    #expect(wait.outcome == .rejected(.signatureMissing))
  }

  @Test func `the end says whether anybody answered`() throws {
    var wait = try wait(2, "2")
    wait.note(.silent("no"), of: 0)
    #expect(wait.outcomeOfDeadline == .unreachable)
    wait.note(.unaware, of: 1)
    #expect(wait.outcomeOfDeadline == .late)
    wait.note(.notAllowed, of: 1)
    #expect(wait.outcomeOfDeadline == .notAllowed)
  }

  @Test func `a node that cannot be told of a version says why`() throws {
    let identity = ModelIdentity(name: "home", version: 3, digest: SHA256.digest(RawSpan()))
    func announced(_ url: String) throws -> FleetWait.Standing? {
      FleetNode(try WebAddress(parsing: url), tokenFile: nil).announce(identity, at: "var/repository")
    }
    let willing = WebPeer { _ in WebPeer.Reply(202, "{}") }
    let strict = WebPeer { _ in WebPeer.Reply(401, "who?") }
    #expect(try announced(willing.url) == nil && announced(strict.url) == .notAllowed)
    guard case .silent = try announced("http://127.0.0.1:\(freePort())") else {
      Issue.record("a node that is not there was told")
      return
    }
  }

  @Test func `a node's answer is read, and one about another build is none`() {
    let identity = ModelIdentity(name: "home", version: 3, digest: SHA256.digest(RawSpan()))
    func read(_ status: Int, _ text: String) -> FleetWait.Standing {
      FleetNode.standing(status, Array(text.utf8), of: identity)
    }
    #expect(
      read(
        200, #"{"digest":"\#(identity.digest)","state":"REJECTED","reason":"probe_failed","detail":"d","progress":0.5}"#
      )
        == .standing(.rejected, reason: .probeFailed, detail: "d", progress: 0.5))
    #expect(read(200, #"{"digest":"00","state":"SERVING"}"#) == .unaware)
    #expect(read(404, "") == .unaware && read(401, "") == .notAllowed)
    for text in ["", "[]", #"{"state":"DANCING"}"#] {
      guard case .silent = read(200, text) else {
        Issue.record("\(text)")
        continue
      }
    }
  }
}
