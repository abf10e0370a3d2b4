import ArgumentParser
import Bytes
import Publishing
import Reactor

/// Which nodes shall have a version, and how long a publisher waits for them.
struct FleetOptions: ParsableArguments {
  @Option(help: "Wait until nodes have the version in this state: READY or SERVING.") var wait: String?
  @Option(help: "Admin addresses of the nodes, as http://a:9090,http://b:9090.") var nodes: String?
  @Option(help: "How many nodes are enough: a share as in 80% or a number.") var minReady = "100%"
  @Option(help: "Seconds to wait at most.") var timeout = 600
  @Option(help: "File with the bearer token that the nodes' admin calls must carry.") var tokenFile: String?

  var waits: Bool { wait != nil }

  func validate() throws {
    if let wait, wanted == nil { throw ValidationError("--wait \(wait): there are READY and SERVING") }
    guard FleetWait.Quorum(parsing: minReady) != nil else {
      throw ValidationError("--min-ready \(minReady): write a share such as 80%, or a number of nodes")
    }
    guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout must be 1 to 86400 seconds") }
    let addresses = try addresses()
    // Of no node at all, all would have the version at once.
    guard wait == nil || !addresses.isEmpty else {
      throw ValidationError("--wait needs --nodes, as http://a:9090,http://b:9090")
    }
  }

  private var wanted: ModelState? {
    wait.flatMap { ModelState(rawValue: $0.uppercased()) }.flatMap { $0 == .ready || $0 == .serving ? $0 : nil }
  }

  private func addresses() throws -> [FleetNode] {
    try (nodes ?? "").split(separator: ",").map { text in
      do { return FleetNode(try WebAddress(parsing: String(text)), tokenFile: tokenFile) } catch {
        throw ValidationError("--nodes \(error)")
      }
    }
  }

  /// Has the nodes look at once, waiting for none of them to do so. Tells of those that could not be told: the version
  /// is published all the same, and they find it by themselves.
  func announce(_ version: ModelIdentity, at place: String) {
    let told = ((try? addresses()) ?? []).compactMap { node in
      try? LoopThread.spawn(name: "node") {
        guard let standing = node.announce(version, at: place) else { return }
        let sentence = PublishReport.Node("", standing).sentence
        printError("note: \(node.address) could not be told, and looks by itself later: \(sentence)")
      }
    }
    for thread in told { thread.join() }
  }

  func wait(
    for version: ModelIdentity, at place: String, quietly: Bool
  ) throws -> (FleetWait.Outcome, [PublishReport.Node]) {
    let nodes = try addresses()
    let watch = FleetWatch(nodes, wanted: wanted!, quorum: FleetWait.Quorum(parsing: minReady)!, seconds: timeout)
    let outcome = try watch.run(version, at: place) { line in if !quietly { printError(line) } }
    return (outcome, zip(nodes, watch.standings).map { PublishReport.Node($0.address.description, $1) })
  }

  /// Ends the command as the fleet wants it.
  func end(_ outcome: FleetWait.Outcome, _ nodes: [PublishReport.Node], _ version: ModelIdentity) throws {
    let state = wait!.uppercased()
    let missing = nodes.filter { !$0.hasReached(state) }
    let words = missing.map { "\n  \($0.url): \($0.sentence)" }.joined()
    switch outcome {
    case .reached: printError("\(version): \(nodes.count - missing.count) of \(nodes.count) nodes \(state)")
    case .rejected: throw CommandFailure(.data, "\(version) is rejected:\(words)")
    case .late:
      throw CommandFailure(.tryAgain, "\(version) is not \(state) on enough nodes after \(timeout) s:\(words)")
    case .unreachable: throw CommandFailure(.unavailable, "nodes do not answer:\(words)")
    case .notAllowed: throw CommandFailure(.notAllowed, "nodes want a token, by --token-file:\(words)")
    }
  }
}

/// Asks all nodes at once, each from a thread of its own, until enough of them have the version.
private final class FleetWatch {
  private struct State {
    var wait: FleetWait
    var news: [(node: Int, standing: FleetWait.Standing)] = []
    var isOver = false
  }

  private let nodes: [FleetNode]
  private let wanted: ModelState
  private let deadline: UInt64
  private let state: Guarded<State>

  init(_ nodes: [FleetNode], wanted: ModelState, quorum: FleetWait.Quorum, seconds: Int) {
    (self.nodes, self.wanted) = (nodes, wanted)
    deadline = monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
    state = Guarded(State(wait: FleetWait(nodes: nodes.count, wanted: wanted, quorum: quorum)))
  }

  var standings: [FleetWait.Standing] { state.withLock { $0.wait.standings } }

  /// Between two questions, where an answer came at once.
  private static let pauseMilliseconds = 250

  func run(_ version: ModelIdentity, at place: String, tell: (String) -> Void) throws -> FleetWait.Outcome {
    for (index, node) in nodes.enumerated() {
      let (wanted, deadline, state) = (wanted, deadline, state)
      // Not joined: a node that is slow to answer must not keep the command, which ends the process.
      _ = try LoopThread.spawn(name: "node") {
        node.announce(version, at: place)
        while !state.withLock({ $0.isOver }) {
          let left = Int(deadline - min(deadline, monotonicNanoseconds())) / 1_000_000_000
          let standing = node.standing(of: version, waitingFor: wanted, seconds: left)
          state.withLock {
            $0.wait.note(standing, of: index)
            $0.news.append((index, standing))
          }
          sleep(milliseconds: Self.pauseMilliseconds)
        }
      }
    }
    var told: [Int: String] = [:]
    while true {
      let (news, outcome) = state.withLock { state in
        defer { state.news = [] }
        return (state.news, state.wait.outcome)
      }
      for (node, standing) in news {
        let line = "\(nodes[node].address): \(PublishReport.Node("", standing).sentence)"
        if told.updateValue(line, forKey: node) != line { tell(line) }
      }
      let isLate = monotonicNanoseconds() >= deadline
      if outcome != nil || isLate {
        return state.withLock { state in
          state.isOver = true
          return outcome ?? state.wait.outcomeOfDeadline
        }
      }
      sleep(milliseconds: 50)
    }
  }
}

extension PublishReport.Node {
  init(_ url: String, _ standing: FleetWait.Standing) {
    switch standing {
    case .silent(let why): self.init(url: url, state: "UNREACHABLE", reason: nil, detail: why)
    case .notAllowed: self.init(url: url, state: "UNREACHABLE", reason: nil, detail: "refuses the token")
    case .unaware: self.init(url: url, state: "UNKNOWN", reason: nil, detail: "has not seen the version yet")
    case .standing(let state, let reason, let detail, _):
      self.init(url: url, state: state.rawValue, reason: reason?.rawValue, detail: detail)
    }
  }

  /// `REJECTED (digest_mismatch): …`
  var sentence: String {
    state + (reason.map { " (\($0))" } ?? "") + (detail.isEmpty ? "" : ": \(detail)")
  }

  func hasReached(_ wanted: String) -> Bool {
    guard let state = ModelState(rawValue: state), let wanted = ModelState(rawValue: wanted) else { return false }
    return state >= wanted && state <= .serving
  }
}
