internal import FoundationEssentials
internal import Glibc

/// A temporary folder and the processes that run in it. Everything ends with the lab, by its own pid.
///
/// Belongs to one thread, the main one: the kernel ends what was started when the *thread* that started it ends
/// (prctl(2), PR_SET_PDEATHSIG), which is how nothing outlives a load kit that was killed.
public final class Lab {
  public let folder: String
  /// The program that is measured.
  public let needletail: String
  public let machine: Machine
  private var processes: [LabProcess] = []
  private var count = 0

  /// - Parameter needletail: the program; by default `NEEDLETAIL_BIN`, else the one beside this executable, else the
  ///   release build of this checkout.
  public init(needletail: String? = nil) throws(LabError) {
    self.needletail = try Lab.find(needletail)
    machine = Machine.here()
    let temporary = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var template = Array("\(temporary)/needletail-load-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw .trouble("no temporary folder in \(temporary): \(String(cString: strerror(errno)))")
    }
    folder = String(cString: made)
    Registry.shared.add(folder: folder)
  }

  deinit { end() }

  /// Ends every process, the last first, and removes the folder.
  public func end() {
    for process in processes.reversed() { process.end() }
    processes.removeAll()
    Registry.shared.remove(folder: folder)
  }

  /// Ends what has been started so far; the folder stays.
  public func endProcesses() {
    for process in processes.reversed() { process.end() }
    processes.removeAll()
  }

  /// A new folder.
  public func subfolder(_ name: String) throws(LabError) -> String {
    count += 1
    let path = "\(folder)/\(count)-\(name)"
    try makeFolder(path)
    return path
  }

  /// Starts a process whose output goes to a file; its environment is ours without `NEEDLETAIL_*`, which must not
  /// change what is measured.
  ///
  /// - Parameters:
  ///   - cpus: the processors it may run on; any of ours when empty.
  ///   - niceness: 19 for work that must not be in the way of what is measured.
  public func start(
    _ name: String, _ command: [String], cpus: [Int] = [], niceness: Int = 0
  ) throws(LabError) -> LabProcess {
    var words = [try needProgram(command[0])] + command.dropFirst()
    if let setpriv = findProgram("setpriv") { words = [setpriv, "--pdeathsig", "KILL"] + words }
    if niceness != 0 { words = ["/usr/bin/nice", "-n", "\(niceness)"] + words }
    if !cpus.isEmpty {
      words = [try needProgram("taskset"), "-c", cpus.map(String.init).joined(separator: ",")] + words
    }
    count += 1
    let log = "\(folder)/\(count)-\(name).log"
    let process = LabProcess(name: name, pid: try spawn(words, log: log), log: log)
    processes.append(process)
    return process
  }

  /// Runs a command to its end and returns what it printed. An exit status other than 0 is trouble.
  @discardableResult
  public func run(
    _ name: String, _ command: [String], within seconds: Double, niceness: Int = 0
  ) throws(LabError) -> String {
    let process = try start(name, command, niceness: niceness)
    defer { process.end() }
    guard process.waitForEnd(within: seconds) else {
      throw .trouble("\(name) took longer than \(seconds) s:\n\(process.said())")
    }
    guard process.exitCode == 0 else { throw .trouble("\(name) \(process.fate):\n\(process.said())") }
    return process.output
  }

  private static func find(_ named: String?) throws(LabError) -> String {
    if let named = named ?? ProcessInfo.processInfo.environment["NEEDLETAIL_BIN"] {
      guard access(named, X_OK) == 0 else { throw .missing("\(named) is not there or cannot be run") }
      return URL(filePath: named).standardizedFileURL.path
    }
    var candidates = [URL(filePath: executablePath()).deletingLastPathComponent().path + "/needletail"]
    if let root = Checkout.root { candidates.append("\(root)/.build/release/needletail") }
    for candidate in candidates where access(candidate, X_OK) == 0 { return candidate }
    throw .missing(
      "\(candidates.last!) is not there: build it with `swift build -c release --product needletail`, or name one with "
        + "--needletail")
  }
}

/// Starts a program in a session of its own, so that Ctrl-C reaches us alone and we end it in order.
private func spawn(_ words: [String], log: String) throws(LabError) -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)

  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  // Our threads block the signals that end us; what we start must hear them.
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

  let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("NEEDLETAIL_") }
  var pid: Int32 = 0
  let status = withCStrings(words) { words in
    withCStrings(environment.map { "\($0)=\($1)" }) { environment in
      posix_spawn(&pid, words[0]!, &actions, &attributes, words, environment)
    }
  }
  guard status == 0 else { throw .trouble("\(words[0]) cannot be started: \(String(cString: strerror(status)))") }
  Registry.shared.add(pid: pid)
  return pid
}

private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  let pointers = strings.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
}

func executablePath() -> String {
  var path = [CChar](repeating: 0, count: 4096)
  let count = readlink("/proc/self/exe", &path, path.count - 1)
  return count > 0 ? String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
}
