import FoundationEssentials
import Glibc
import TestSupport

/// The release build of the gateway as its own process, with the counting hook in it.
final class CountedGateway {
  /// What one worker did between two looks, an answer.
  struct Cost: Codable, Equatable {
    var allocations: Double
    /// Retains and releases.
    var references: Double
  }

  /// The words of `struct nt_counts`.
  private enum Word: Int { case isLoaded, countsReferences, epoch, allocations, frees, retains, releases }

  private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  private static let executable = package + "/.build/release/needletail"
  private static let hook = package + "/.build/debug/libAllocationCount.so"

  static let isBuilt = access(executable, X_OK) == 0 && access(hook, R_OK) == 0
  static let advice: String =
    "needs \(executable) and \(hook): swift build -c release --product needletail; swift build --build-tests"

  let client: HTTPClient
  let countsReferences: Bool
  private let process: pid_t
  private let words: UnsafeMutablePointer<UInt64>
  private static let wordCount = 7

  /// Serves a generated catalogue with one worker. `configuration`: YAML beside what every run sets.
  init(_ folder: TemporaryFolder, memcached: String? = nil, _ configuration: String = "") throws {
    let port = freePort()
    let counts = folder.write(String(repeating: "\0", count: CountedGateway.wordCount * 8), to: "counts-\(port)")
    let file = open(counts, O_RDWR)
    words = mmap(nil, CountedGateway.wordCount * 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
      .assumingMemoryBound(to: UInt64.self)
    close(file)
    let config = folder.write(
      "listen: 127.0.0.1:\(port)\nadmin: {listen: \"127.0.0.1:\(freePort())\"}\nworkers: 1\n" + configuration,
      to: "config-\(port).yaml")
    process = spawn(
      [
        CountedGateway.executable, "quickstart", "--config", config, "--repository", folder.file("repository"),
        "--data-dir", folder.file("data"), "--memcached", memcached ?? "none",
      ],
      environment: ["LD_PRELOAD": CountedGateway.hook, "ALLOCATION_COUNT_FILE": counts],
      output: folder.file("log-\(port)"))
    guard let client = CountedGateway.connect(port, process) else {
      kill(process, SIGKILL)
      let log = (try? String(contentsOf: URL(filePath: folder.file("log-\(port)")), encoding: .utf8)) ?? ""
      throw NotReady(log: log)
    }
    self.client = client
    precondition(words[Word.isLoaded.rawValue] == 1, "the hook was not loaded")
    countsReferences = words[Word.countsReferences.rawValue] == 1
  }

  struct NotReady: Error { let log: String }

  deinit {
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    munmap(words, CountedGateway.wordCount * 8)
  }

  /// A kept-alive connection to a gateway that is ready; it trains first when the folder is new.
  private static func connect(_ port: Int, _ process: pid_t) -> HTTPClient? {
    for _ in 0..<1_200 {
      if let client = HTTPClient(port: port), client.get("/readyz")?.status == 200 { return client }
      guard waitpid(process, nil, WNOHANG) == 0 else { return nil }
      usleep(100_000)
    }
    return nil
  }

  /// Asks for targets in turn: some until everything has its size, then `count` that are counted.
  func cost(_ count: Int = 1_000, warm: Int = 300, tier: String, _ target: (Int) -> String, fields: [String] = [])
    -> Cost
  {
    for number in 0..<warm { _ = client.get(target(number), fields) }
    words[Word.epoch.rawValue] += 1
    let before = snapshot()
    var others: [String: Int] = [:]
    for number in 0..<count {
      let status = client.get(target(warm + number), fields)?["Cache-Status"] ?? "no answer"
      if !status.hasSuffix("detail=\(tier)") { others[status, default: 0] += 1 }
    }
    let after = snapshot()
    words[Word.epoch.rawValue] = 0
    precondition(others.values.reduce(0, +) * 100 <= count, "not answered by \(tier): \(others)")
    func each(_ word: Word) -> Double { Double(after[word.rawValue] - before[word.rawValue]) / Double(count) }
    return Cost(allocations: each(.allocations), references: each(.retains) + each(.releases))
  }

  private func snapshot() -> [UInt64] { (0..<CountedGateway.wordCount).map { words[$0] } }
}

/// Starts a program; its output goes to a file.
private func spawn(_ arguments: [String], environment: [String: String], output: String) -> pid_t {
  var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
  var variables: [UnsafeMutablePointer<CChar>?] = []
  for variable in sequence(state: environ, next: { (at: inout UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) in
    defer { at += 1 }
    return at.pointee
  }) { variables.append(strdup(variable)) }
  for (name, value) in environment { variables.append(strdup("\(name)=\(value)")) }
  variables.append(nil)
  defer { for pointer in pointers + variables { free(pointer) } }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)
  var process: pid_t = 0
  let status = posix_spawn(&process, arguments[0], &actions, nil, &pointers, &variables)
  precondition(status == 0, "\(arguments[0]): \(String(cString: strerror(status)))")
  return process
}

private func freePort() -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
      _ = bind(descriptor, name, length)
      _ = getsockname(descriptor, name, &length)
    }
  }
  return Int(UInt16(bigEndian: address.sin_port))
}
