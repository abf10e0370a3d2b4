import Bytes
import Glibc
import Reactor

/// One training as a process of its own, `needletail train`, watched from a loop.
///
/// A process rather than a thread: its memory goes back to the system when it ends, a crash or the memory killer takes it
/// and not the server, its priority is its own, and it can be ended at any instant: publishing is built for being killed.
final class TrainingProcess {
  struct End {
    /// 128 + n when signal n ended it.
    let code: Int32
    /// Standard output.
    let output: String
    /// The last of what it said on standard error, progress left out.
    let messages: [String]
  }

  private let processID: pid_t
  private let ended: (End) -> Void
  private var output: LineReader!
  private var errors: LineReader!
  /// Ends the child's input when this process does, however that happens.
  private let lifeline: OwnedDescriptor
  private var child: SignalWatcher?
  private var poll: Timer?
  private var status: Int32?
  private var pollsAfterEnd = 0
  private(set) var progress: TrainingProgressLine?

  /// Lines of standard error that are kept.
  static let messagesMax = 20
  /// Open pipes of a grandchild must not keep the end from being told: half a second after the process has gone.
  private static let pollMilliseconds = 100
  private static let pollsAfterEndMax = 5

  /// Throws a sentence when the process cannot be started. `ended` is called once, on the loop.
  init(loop: EventLoop, arguments: [String], ended: @escaping (End) -> Void) throws {
    self.ended = ended
    let (input, line) = try TrainingProcess.pipe()
    let (output, childOutput) = try TrainingProcess.pipe()
    let (errors, childErrors) = try TrainingProcess.pipe()
    lifeline = line
    processID = try TrainingProcess.spawn(arguments, [input, childOutput, childErrors])
    self.output = try LineReader(loop, output)
    self.errors = try LineReader(loop, errors) { [unowned self] line in
      guard let progress = TrainingProgressLine(line: line) else { return true }
      self.progress = progress
      return false
    }
    child = try SignalWatcher(loop: loop, signal: SIGCHLD) { [unowned self] _ in check() }
    poll = Timer(loop: loop) { [unowned self] in check() }
    poll?.start(milliseconds: TrainingProcess.pollMilliseconds, repeating: true)
  }

  /// Ends it at once; `ended` follows.
  func kill() {
    guard status == nil else { return }
    Glibc.kill(processID, SIGKILL)
  }

  private func check() {
    if status == nil {
      var status: Int32 = 0
      guard waitpid(processID, &status, WNOHANG) == processID else { return }
      self.status = status
    }
    pollsAfterEnd += 1
    guard (output.isOver && errors.isOver) || pollsAfterEnd > TrainingProcess.pollsAfterEndMax else { return }
    finish(status!)
  }

  private func finish(_ status: Int32) {
    poll?.stop()
    poll = nil
    child = nil
    output.close()
    errors.close()
    let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    ended(End(code: code, output: output.lines.joined(separator: "\n"), messages: errors.lines))
  }

  /// Socket pairs, for pipe2(2) is out of Swift's reach and pipe(2) leaks into a child that is spawned meanwhile.
  private static func pipe() throws -> (read: OwnedDescriptor, write: OwnedDescriptor) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw CommandFailure(.unavailable, "training cannot be started: no pipe: \(String(cString: strerror(errno)))")
    }
    return (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
  }

  /// Runs this program anew. /proc/self/exe is what runs now, also after the file was replaced by an upgrade.
  private static func spawn(_ arguments: [String], _ standard: [OwnedDescriptor]) throws -> pid_t {
    var pointers = (["needletail"] + arguments).map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, descriptor) in standard.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor.number, Int32(target))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // An ignored signal stays ignored across exec; and Ctrl-C is for this process, which ends the child itself.
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var process: pid_t = 0
    let status = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &pointers, environ)
    guard status == 0 else {
      throw CommandFailure(.unavailable, "training cannot be started: \(String(cString: strerror(status)))")
    }
    return process
  }
}

/// The lines that come out of a pipe; the last of them are kept.
private final class LineReader: StreamHandler {
  /// Longer lines are cut: no message and no result is.
  private static let lineBytesMax = 1 << 20

  private let stream: ByteStream
  private let keeps: (String) -> Bool
  private var rest: [UInt8] = []
  private(set) var lines: [String] = []
  private(set) var isOver = false

  /// `keeps`: whether a line is a message.
  init(_ loop: EventLoop, _ pipe: OwnedDescriptor, keeps: @escaping (String) -> Bool = { _ in true }) throws {
    self.keeps = keeps
    stream = try ByteStream(loop: loop, adopting: pipe, isUnix: true)
    stream.start(self)
  }

  func close() { stream.close() }

  func received(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { bytes in
      for byte in bytes {
        if byte == UInt8(ascii: "\n") { endLine() } else if rest.count < LineReader.lineBytesMax { rest.append(byte) }
      }
    }
  }

  func ended(_ end: StreamEnd) {
    endLine()
    isOver = true
  }

  private func endLine() {
    defer { rest.removeAll(keepingCapacity: true) }
    let line = String(decoding: rest, as: UTF8.self)
    guard !line.isEmpty, keeps(line) else { return }
    lines.append(line)
    if lines.count > TrainingProcess.messagesMax { lines.removeFirst() }
  }
}
