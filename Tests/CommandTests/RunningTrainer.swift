import Bytes
import Events
import FoundationEssentials
import Glibc
import Publishing
import TestSupport

/// `needletail trainer` on a small shop: its folders, its process, what it says.
final class RunningTrainer {
  static let token = "0123456789abcdef"

  let folder: TemporaryFolder
  private(set) var process: pid_t = 0
  private var status: Int32?
  private let log: String

  /// A folder with interactions of a shop; `visits` of them.
  static func shop(visits: Int = 4000) -> TemporaryFolder {
    let folder = TemporaryFolder()
    var random = SeededRandom(seed: 3)
    let rows = (0..<visits).map { number in "u\(random.next() % 100),\(item(&random)),\(1_700_000_000 + number)" }
    folder.write((["user,item,timestamp"] + rows).joined(separator: "\n") + "\n", to: "visits.csv")
    folder.write(token, to: "token")
    try! FileManager.default.createDirectory(atPath: folder.file("events"), withIntermediateDirectories: true)
    return folder
  }

  private static func item(_ random: inout SeededRandom) -> String {
    let place = Double(random.next() % 1000) / 1000
    return "i\(Int(place * place * 120))"
  }

  init(in folder: TemporaryFolder, _ more: String...) {
    self.folder = folder
    log = folder.file("log-\(UInt32.random(in: 0 ... .max))")
    let arguments = [
      "trainer", "--interactions", folder.file("visits.csv"), "--events", folder.file("events"), "--repository",
      folder.file("repository"), "--model", "shop", "--listen", "127.0.0.1:0", "--token-file", folder.file("token"),
      // At a lower priority it would wait for all tests that run beside it.
      "--nice", "0", "--look", "1s", "--pause", "1s", "--dimensions", "8", "--segments", "3", "--threads", "1", "--log-format", "json",
    ]
    var pointers = ([Command.executable] + arguments + more).map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
    // Tests run on threads that block signals, and a process inherits that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    precondition(posix_spawn(&process, Command.executable, &actions, &attributes, &pointers, environ) == 0)
  }

  deinit {
    guard status == nil else { return }
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
  }

  func signal(_ number: Int32) { kill(process, number) }

  /// Its exit code, 128 + n for signal n; nil when it does not end in time.
  func exitCode(withinSeconds seconds: Int = 20) -> Int32? {
    _ = waitFor(seconds: seconds) { hasEnded }
    return status.map { $0 & 0x7F == 0 ? ($0 >> 8) & 0xFF : 128 + ($0 & 0x7F) }
  }

  var hasEnded: Bool {
    guard status == nil else { return true }
    var state: Int32 = 0
    if waitpid(process, &state, WNOHANG) == process { status = state }
    return status != nil
  }

  /// What it has logged.
  var messages: String {
    (try? Data(contentsOf: URL(filePath: log))).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  var repository: FolderRepository { FolderRepository(path: folder.file("repository")) }

  /// nil until it listens.
  var port: Int? {
    guard waitFor({ messages.contains("\"message\":\"listening\"") || hasEnded }) else { return nil }
    return messages.split(separator: "\"address\":\"").last?.split(separator: "\"").first?.split(separator: ":").last
      .flatMap { Int($0) }
  }

  func get(_ path: String) -> HTTPAnswer? { port.flatMap { HTTPClient(port: $0)?.get(path) } }

  func post(_ path: String, token: String?) -> HTTPAnswer? {
    let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
    return port.flatMap { HTTPClient(port: $0)?.ask("POST", path, fields) }
  }

  struct Status: Decodable {
    struct Run: Decodable {
      let outcome, cause: String
      let version: Int?
      let reason: String?
    }
    let state: String
    let champion: Int?
    let newEvents, failures: Int
    let runs: [Run]
  }

  var report: Status? {
    self.get("/status").flatMap { try? JSONDecoder().decode(Status.self, from: Data($0.body)) }
  }

  /// Waits for so many runs to be over, and tells of the last.
  func run(_ count: Int) -> Status.Run? {
    guard waitFor({ (report?.runs.count ?? 0) >= count }) else { return nil }
    return report?.runs.first
  }

  /// A gateway's events.
  func happen(_ count: Int, seed: UInt64) throws {
    let text = try String(contentsOf: URL(filePath: folder.file("repository/identity.key")), encoding: .utf8)
    let key = IdentityKey(hex: text)!
    var random = SeededRandom(seed: seed)
    var writer = try SegmentWriter(folder: folder.file("events"))
    let now = UInt32(time(nil))
    let records = (0..<count).map { number in
      EventRecord(
        type: .click, user: key.hash("u\(random.next() % 100)".utf8.span.bytes), itemID: RunningTrainer.item(&random),
        time: now, eventID: "\(seed)-\(number)")
    }
    try writer.write(records, now: now)
  }
}

/// Waits until something holds; false when it does not in time.
func waitFor(seconds: Int = 60, _ holds: () -> Bool) -> Bool {
  let end = time(nil) + seconds
  while time(nil) <= end {
    if holds() { return true }
    usleep(50_000)
  }
  return false
}
