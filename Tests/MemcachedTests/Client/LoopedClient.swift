internal import Bytes
import Glibc
internal import Memcached
internal import Reactor

/// A client on a loop and thread of its own, asked from the test's thread in blocking calls.
final class LoopedClient {
  /// One answer, copied out.
  struct Answer: Equatable, Sendable, CustomStringConvertible {
    var status: CacheReply.Status
    var value = ""
    var flags: UInt32 = 0
    var ttlSeconds = -1
    var cas: UInt64 = 0
    var won = false
    var stale = false
    var alreadyWon = false
    var durationNanoseconds: UInt64 = 0

    /// `hit abc W X Z`, without what the server numbers.
    var description: String {
      "\(status)" + (value.isEmpty ? "" : " \(value)") + (won ? " W" : "") + (stale ? " X" : "") + (alreadyWon ? " Z" : "")
    }
  }

  /// What the loop's thread tells the test's.
  private struct Told: Sendable {
    var answers: [UInt64: [Answer]] = [:]
    var changes: [(node: Int, state: NodeState)] = []
  }

  private final class Loop: MemcachedReceiver {
    let loop = try! EventLoop()
    let told = Locked(Told())
    var client: MemcachedClient!
    /// Runs inside `memcachedAnswered`, where a gateway asks again.
    var onAnswer: ((MemcachedClient, UInt64) -> Void)?

    init(_ nodes: [String], _ settings: MemcachedSettings) throws {
      client = try MemcachedClient(
        loop: loop, nodes: nodes.map { try NodeAddress(parsing: $0) }, settings: settings, receiver: self)
    }

    func memcachedAnswered(_ ticket: UInt64, _ reply: borrowing CacheReply) {
      let answer = Answer(
        status: reply.status, value: String(copying: reply.value), flags: reply.flags, ttlSeconds: reply.ttlSeconds,
        cas: reply.cas, won: reply.won, stale: reply.stale, alreadyWon: reply.alreadyWon,
        durationNanoseconds: reply.durationNanoseconds)
      told.withLock { $0.answers[ticket, default: []].append(answer) }
      onAnswer?(client, ticket)
    }

    func memcachedChanged(node: Int, to state: NodeState) {
      told.withLock { $0.changes.append((node, state)) }
    }
  }

  private struct Handed: @unchecked Sendable {  // Handed over once, before the thread starts or through the mailbox.
    let loop: Loop
  }
  typealias Work = @Sendable (MemcachedClient) -> Void

  private let looped: Handed
  private let mailbox: Mailbox<Work>
  private let thread: LoopThread
  private var tickets: UInt64 = 0

  init(_ nodes: [String], settings: MemcachedSettings = .patient) throws {
    let looped = Handed(loop: try Loop(nodes, settings))
    self.looped = looped
    mailbox = try Mailbox(loop: looped.loop.loop) { $0(looped.loop.client) }
    thread = try LoopThread.spawn(name: "client") { looped.loop.loop.run() }
  }

  deinit {
    let looped = looped
    mailbox.post { _ in
      looped.loop.client.close()
      looped.loop.loop.stop()
    }
    thread.join()
  }

  /// Runs `body` on the loop's thread and waits for what it returns.
  func perform<Result: Sendable>(_ body: @escaping @Sendable (MemcachedClient) -> Result) -> Result {
    let box = Locked<Result?>(nil)
    mailbox.post { client in
      let result = body(client)
      box.withLock { $0 = result }
    }
    while true {
      if let result = box.withLock({ $0 }) { return result }
      usleep(100)
    }
  }

  func onAnswer(_ body: @escaping @Sendable (MemcachedClient, UInt64) -> Void) {
    let looped = looped
    perform { _ in looped.loop.onAnswer = body }
  }

  func nextTicket() -> UInt64 {
    tickets += 1
    return tickets
  }

  // MARK: One request, and its answer; nil when it was refused

  @discardableResult
  func get(_ key: String, recache: Int? = nil, vivify: Int? = nil, echoesKey: Bool = false) -> Answer? {
    let ticket = nextTicket()
    let taken = perform {
      $0.get(
        key: key.utf8.span.bytes, recacheSeconds: recache, vivifySeconds: vivify, echoesKey: echoesKey, ticket: ticket)
    }
    return taken ? answer(ticket) : nil
  }

  @discardableResult
  func set(_ key: String, _ value: String, flags: UInt32 = 0, ttl: Int = 60, mode: SetMode = .always) -> Answer? {
    let ticket = nextTicket()
    let taken = perform {
      $0.set(
        key: key.utf8.span.bytes, value: value.utf8.span.bytes, flags: flags, ttlSeconds: ttl, mode: mode, ticket: ticket)
    }
    return taken ? answer(ticket) : nil
  }

  @discardableResult
  func delete(_ key: String, cas: UInt64? = nil, stale: Int? = nil) -> Answer? {
    let ticket = nextTicket()
    let taken = perform { $0.delete(key: key.utf8.span.bytes, cas: cas, staleSeconds: stale, ticket: ticket) }
    return taken ? answer(ticket) : nil
  }

  /// The first answer of a ticket, waited for; nil after 10 s.
  func answer(_ ticket: UInt64) -> Answer? {
    var answer: Answer?
    _ = waitUntil {
      answer = answers(ticket).first
      return answer != nil
    }
    return answer
  }

  func answers(_ ticket: UInt64) -> [Answer] { looped.loop.told.withLock { $0.answers[ticket] ?? [] } }

  // MARK: Nodes

  func status(_ node: Int = 0) -> NodeStatus { perform { $0.status(of: node) } }

  /// Waits up to 10 s for every node to be up.
  @discardableResult
  func waitUntilUp() -> Bool {
    waitUntil { perform { client in (0..<client.nodeCount).allSatisfy { client.status(of: $0).isUp } } }
  }

  func waitUntilDown(_ node: Int = 0) -> Bool {
    waitUntil { if case .down = status(node).state { true } else { false } }
  }

  /// Why the node went down, in order.
  func reasons(_ node: Int = 0) -> [String] {
    looped.loop.told.withLock { told in
      told.changes.compactMap { if $0.node == node, case .down(let reason, _) = $0.state { reason } else { nil } }
    }
  }
}

/// A value behind a pthread mutex: ThreadSanitizer knows those, but not the futexes of Synchronization's.
private final class Locked<Value: Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var value: Value

  init(_ value: Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&value)
  }
}

/// Polls for up to 10 s: tests share a busy machine, and wait for what must come, not for how long it may take.
func waitUntil(_ condition: () -> Bool) -> Bool {
  for _ in 0..<10_000 {
    if condition() { return true }
    usleep(1000)
  }
  return false
}

extension MemcachedSettings {
  /// For tests that are not about time.
  static var patient: MemcachedSettings {
    var settings = MemcachedSettings()
    settings.timeoutMilliseconds = 5000
    settings.connectTimeoutMilliseconds = 5000
    settings.reconnectFirstMilliseconds = 10
    settings.reconnectMaxMilliseconds = 50
    return settings
  }

  /// For tests of a peer that does not answer. Long enough for a busy machine to answer where an answer is due.
  static func impatient(connectTimeoutMilliseconds: Int = 5000) -> MemcachedSettings {
    var settings = patient
    settings.timeoutMilliseconds = 300
    settings.connectTimeoutMilliseconds = connectTimeoutMilliseconds
    return settings
  }
}
