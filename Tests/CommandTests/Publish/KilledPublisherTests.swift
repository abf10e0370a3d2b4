import Bytes
import FoundationEssentials
import Glibc
import Publishing
import Synchronization
import TestSupport
import Testing

/// The real `needletail publish`, killed at random points. NEEDLETAIL_KILLS=n: how often, all places together.
@Suite(.enabled(if: Command.isBuilt), .serialized) struct KilledPublisherTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let kills = environment["NEEDLETAIL_KILLS"].flatMap { Int($0) } ?? 40
  private static let seed = environment["NEEDLETAIL_SEED"].flatMap { UInt64($0) } ?? 5

  private let files: PublishFiles

  init() throws { files = try PublishFiles() }

  @Test func `a publisher into a folder that is killed at any time leaves whole versions only`() throws {
    var random = SeededRandom(seed: Self.seed)
    #expect(files.publish(0, to: files.root).code == 0)
    let whole = seconds { #expect(files.publish(1, to: files.root).code == 0) }
    let reader = Reader(files.root, files.files["data"])
    defer { reader.stop() }
    var killed = 0
    for round in 0..<Self.kills / 2 {
      let running = files.start(try next(), to: files.root)
      // Of the whole run, its start included: that is where nothing is at stake, so less of it.
      usleep(UInt32(Double.random(in: 0.15...1.05, using: &random) * whole * 1e6))
      running.kill()
      if running.wait().code == 128 + SIGKILL { killed += 1 }
      try expectWhole("seed \(Self.seed), round \(round)")
    }
    try expectNextSucceeds(files.root)
    reader.stop()
    #expect(reader.complaints == [] && reader.looks > 0)
    print("folder: \(killed) of \(Self.kills / 2) publishers killed, \(reader.looks) looks of a reader meanwhile")
  }

  @Test func `a publisher to a server that is killed at any request leaves whole versions only`() throws {
    let hangman = Hangman()
    let server = WebFolder(files.root) { request, honestly in hangman.answer(request, honestly) }
    #expect(files.publish(0, to: server.url).code == 0)
    hangman.arm(nil)
    #expect(files.publish(1, to: server.url).code == 0)
    let requests = hangman.requests
    #expect(requests > 10)
    // Every request of a publish, killed before and after the server did what it asked.
    var random = SeededRandom(seed: Self.seed)
    let positions = (0..<requests * 2).shuffled(using: &random)
    for round in 0..<Self.kills / 2 {
      let position = positions[round % positions.count]
      let number = try next()
      hangman.arm((position / 2, position % 2 == 0 ? .before : .after))
      let running = files.start(number, to: server.url)
      hangman.sentence(running.process)
      let code = running.wait().code
      #expect(code == 128 + SIGKILL || code == 0, "seed \(Self.seed), position \(position): \(code)")
      try expectWhole("seed \(Self.seed), position \(position)")
    }
    hangman.arm(nil)
    try expectNextSucceeds(server.url)
    print(
      "server: \(hangman.killed) publishers killed, at \(min(positions.count, Self.kills / 2)) of \(positions.count) positions"
    )
  }

  /// The snapshot that the latest version is not.
  private func next() throws -> Int {
    let latest = try #require(try files.repository.versions(of: "home").last)
    let plan = try PublishPlan(snapshotPath: files.snapshots[0], model: "home", in: files.repository)
    #expect(plan.latest?.identity.version == latest)
    return plan.isSame ? 1 : 0
  }

  private func expectWhole(_ words: String) throws {
    for version in try files.repository.versions(of: "home").suffix(2) {
      let report = VerificationReport.verify(files.repository, model: "home", version: version)
      #expect(report.isValid, "\(words): \(report.detail)")
    }
  }

  private func expectNextSucceeds(_ place: String) throws {
    let before = try files.repository.versions(of: "home").last!
    let result = files.publish(try next(), to: place)
    #expect(result.code == 0, "\(result.errors)")
    let versions = try files.repository.versions(of: "home")
    #expect(versions.last! > before)
    for version in versions {
      #expect(VerificationReport.verify(files.repository, model: "home", version: version).isValid, "\(version)")
    }
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
  }
}

/// Kills a process at one of its requests.
private final class Hangman: Sendable {
  enum Moment { case before, after }

  private struct State {
    var target: (request: Int, moment: Moment)?
    var process: pid_t = 0
    var requests = 0
    var killed = 0
  }

  private let state = Mutex(State())

  var requests: Int { state.withLock { $0.requests } }
  var killed: Int { state.withLock { $0.killed } }

  func arm(_ target: (Int, Moment)?) {
    state.withLock { ($0.target, $0.requests, $0.process) = (target.map { (request: $0.0, moment: $0.1) }, 0, 0) }
  }

  func sentence(_ process: pid_t) { state.withLock { $0.process = process } }

  func answer(_ request: WebPeer.Request, _ honestly: () -> WebPeer.Reply) -> WebPeer.Reply {
    let number = state.withLock { state in
      defer { state.requests += 1 }
      return state.requests
    }
    strike(number, .before)
    let reply = honestly()
    strike(number, .after)
    return reply
  }

  private func strike(_ number: Int, _ moment: Moment) {
    // The process makes its first request, perhaps, before its number is noted here.
    while true {
      let process: pid_t? = state.withLock { state in
        guard let target = state.target, target.request == number, target.moment == moment else { return nil }
        if state.process > 0 { state.killed += 1 }
        return state.process
      }
      guard let process else { return }
      if process > 0 {
        kill(process, SIGKILL)
        return
      }
      usleep(1000)
    }
  }
}

/// A node that looks at a repository all the time, and pulls what it finds.
private final class Reader {
  private struct State {
    var isStopping = false
    var looks = 0
    var complaints: [String] = []
  }

  private final class Shared: Sendable {
    let state = Mutex(State())
  }

  private let shared = Shared()
  private var thread: pthread_t?

  var looks: Int { shared.state.withLock { $0.looks } }
  var complaints: [String] { shared.state.withLock { $0.complaints } }

  init(_ repository: String, _ data: String) {
    let body = Body(shared: shared, repository: repository, data: data)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      {
        Unmanaged<Body>.fromOpaque($0!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(body).toOpaque())
    self.thread = thread
  }

  func stop() {
    shared.state.withLock { $0.isStopping = true }
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }

  private final class Body {
    let shared: Shared
    let repository: FolderRepository
    let store: SnapshotStore

    init(shared: Shared, repository: String, data: String) {
      self.shared = shared
      self.repository = FolderRepository(path: repository)
      store = SnapshotStore(dataDirectory: data)
    }

    func run() {
      while !shared.state.withLock({ $0.isStopping }) {
        do {
          let listing = try repository.listing(of: "home")
          for (version, fault) in listing.faults { throw PublishError(fault.reason, "\(version): \(fault.detail)") }
          if let newest = listing.versions.keys.max() {
            let local = try store.pull("home", newest, from: repository)
            guard local.identity == listing.versions[newest], local.isVerified else {
              throw PublishError(.digestMismatch, "version \(newest) is not what was listed")
            }
            try store.prune("home", keep: 2)
          }
          shared.state.withLock { $0.looks += 1 }
        } catch {
          shared.state.withLock { $0.complaints.append("\(error)") }
        }
        usleep(5000)
      }
    }
  }
}
