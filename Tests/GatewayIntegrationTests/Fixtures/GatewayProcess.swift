import FoundationEssentials
import Glibc
import Reactor
import Synchronization
import TestSupport

/// The built `needletail serve`, as an operator runs it: a process with a configuration file, signals and an exit code.
final class GatewayProcess {
  /// Beside the test's own executable.
  static let executable: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(filePath: own).deletingLastPathComponent().path + "/needletail"
  }()

  static var isBuilt: Bool { access(executable, X_OK) == 0 }

  private let logPath: String
  private(set) var process: pid_t = 0
  private var status: Int32?

  /// Starts it. What it logs goes to a file of the folder.
  /// - Parameter under: a program that starts it, with its arguments.
  init(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:], under: [String] = []
  ) {
    logPath = folder.file("log-\(UInt32.random(in: 0 ... .max)).jsonl")
    let command = under + [GatewayProcess.executable] + arguments
    var pointers = command.map { strdup($0) } + [nil]
    var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NEEDLETAIL_") }
    variables.merge(environment) { $1 }
    var environment = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (pointers + environment).forEach { free($0) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, logPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    // Tests run on threads that block signals, and a process inherits that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let status = posix_spawnp(&process, command[0], &actions, &attributes, &pointers, &environment)
    precondition(status == 0, "cannot start \(command): errno \(status)")
  }

  deinit {
    guard status == nil else { return }
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
  }

  func signal(_ number: Int32) { kill(process, number) }

  /// Its exit code, once it has ended; 128 + n when a signal ended it; nil when it does not end in time.
  func exitCode(withinSeconds seconds: Int = 30) -> Int32? {
    _ = eventually(seconds: seconds) { hasEnded }
    return status.map { $0 & 0x7F == 0 ? ($0 >> 8) & 0xFF : 128 + ($0 & 0x7F) }
  }

  var hasEnded: Bool {
    guard status == nil else { return true }
    var state: Int32 = 0
    if waitpid(process, &state, WNOHANG) == process { status = state }
    return status != nil
  }

  var log: String { (try? Data(contentsOf: URL(filePath: logPath))).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  func logs(_ text: String) -> Bool { eventually { log.contains(text) || hasEnded } && log.contains(text) }

  /// A field of the line that says where it listens; nil when it does not come to listen.
  private func listening(_ field: String) -> Int? {
    guard logs("\"message\":\"listening\"") else { return nil }
    let line = log.split(separator: "\n").first { $0.contains("\"message\":\"listening\"") }!
    return line.split(separator: "\"\(field)\":\"").last?.split(separator: "\"").first?.split(separator: ":").last
      .flatMap { Int($0) }
  }

  var port: Int? { listening("address") }
  var adminPort: Int? { listening("admin") }

  /// Whether it comes to serve a snapshot.
  var isReady: Bool { logs("every worker has switched") }
}

/// Clients that keep asking, each over a connection that it keeps while the answers let it, and every tenth request over
/// one of its own. What an operation must not disturb.
final class Traffic {
  struct Report: Sendable, CustomStringConvertible {
    /// By status.
    var answers: [Int: Int] = [:]
    /// Nobody listened.
    var refused = 0
    /// A connection broke off with a request on it that it had not answered.
    var broken = 0
    /// The same on a connection that had answered before and closed without a byte: any HTTP client asks again
    /// (RFC 9110 §9.2.2), for no server can close a quiet connection without this.
    var askedAgain = 0
    var tenthsOfSecondsSilent = 0

    var count: Int { answers.values.reduce(0, +) }
    var description: String {
      "answers \(answers), refused \(refused), broken \(broken), asked again \(askedAgain)"
    }
  }

  private final class Shared: Sendable {
    let isOver = Atomic(false)
    let answers = Atomic(0)
    let reports = Guarded([Report]())
  }

  private let shared = Shared()
  private var threads: [LoopThread] = []

  /// - Parameter untilRefused: a client stops when nobody listens any more, as when a gateway ends for good.
  init(port: Int, clients: Int = 4, untilRefused: Bool = false) throws {
    let shared = shared
    threads = try (0..<clients).map { number in
      try LoopThread.spawn(name: "traffic-\(number)") {
        let report = Traffic.run(number, port, untilRefused, shared)
        shared.reports.withLock { $0.append(report) }
      }
    }
  }

  var answers: Int { shared.answers.load(ordering: .relaxed) }

  /// Waits for so many more answers.
  func awaitAnswers(_ count: Int) -> Bool {
    let wanted = answers + count
    return eventually { self.answers >= wanted }
  }

  func stop() -> Report {
    shared.isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    threads = []
    return shared.reports.withLock { $0 }.reduce(into: Report()) { sum, one in
      sum.answers.merge(one.answers, uniquingKeysWith: +)
      sum.refused += one.refused
      sum.broken += one.broken
      sum.askedAgain += one.askedAgain
    }
  }

  private static func run(_ number: Int, _ port: Int, _ untilRefused: Bool, _ shared: Shared) -> Report {
    var report = Report()
    var random = SeededRandom(seed: UInt64(number))
    var kept: HTTPClient?
    while !shared.isOver.load(ordering: .relaxed) {
      let once = Int.random(in: 0..<10, using: &random) == 0
      let isReused = !once && kept != nil
      guard let client = (once ? nil : kept) ?? HTTPClient(port: port) else {
        report.refused += 1
        if untilRefused { return report }
        continue
      }
      let segment = Int.random(in: 0..<4, using: &random)
      let answer = client.get(target("home", "segment=\(segment)&numResults=3"), once ? ["Connection: close"] : [])
      if let answer {
        report.answers[answer.status, default: 0] += 1
        shared.answers.add(1, ordering: .relaxed)
        if !once { kept = answer["Connection"]?.lowercased() == "close" ? nil : client }
      } else {
        if isReused && client.isClosed && !client.hasMore { report.askedAgain += 1 } else { report.broken += 1 }
        if !once { kept = nil }
      }
    }
    return report
  }
}
