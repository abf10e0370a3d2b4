internal import FoundationEssentials
internal import Glibc

/// A signal that scenarios send.
public enum LabSignal: Sendable {
  case stop, resume, kill, terminate, hangup, user2

  var number: Int32 {
    switch self {
    case .stop: SIGSTOP
    case .resume: SIGCONT
    case .kill: SIGKILL
    case .terminate: SIGTERM
    case .hangup: SIGHUP
    case .user2: SIGUSR2
    }
  }
}

/// A process of a lab, with its output in a file. Owned by the thread that runs the scenario.
public final class LabProcess {
  public let name: String
  public let pid: Int32
  /// Standard output and standard error together.
  public let log: String
  /// What waitpid said of its end; nil while it runs.
  private var status: Int32?

  init(name: String, pid: Int32, log: String) {
    self.name = name
    self.pid = pid
    self.log = log
  }

  deinit { end() }

  public var isAlive: Bool {
    if status == nil { status = Registry.shared.reap(pid) }
    return status == nil
  }

  /// What it exited with; 128 + the signal's number when a signal ended it; nil while it runs.
  public var exitCode: Int32? {
    guard !isAlive, let status else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  public func send(_ signal: LabSignal) {
    Registry.shared.send(signal.number, to: pid)
    // Stopping takes effect when the kernel likes; this returns when it has.
    if case .stop = signal {
      for _ in 0..<200 where ProcessTable.stat(of: pid)?.state != "T" { usleep(500) }
    }
  }

  /// SIGKILL, and gone on return.
  public func kill() {
    send(.kill)
    while isAlive { usleep(1000) }
  }

  /// SIGTERM, and SIGKILL when it has not gone after some seconds.
  public func end(within seconds: Double = 5) {
    guard isAlive else { return }
    send(.terminate)
    send(.resume)
    if !waitForEnd(within: seconds) { kill() }
  }

  @discardableResult
  public func waitForEnd(within seconds: Double) -> Bool {
    let deadline = monotonicSeconds() + seconds
    while isAlive {
      if monotonicSeconds() > deadline { return false }
      usleep(2000)
    }
    return true
  }

  /// Waits until `ready`. The process must live meanwhile; otherwise the error holds its last lines.
  public func wait(
    for what: String, within seconds: Double = 15, until ready: () throws(LabError) -> Bool
  ) throws(LabError) {
    let came = try waitUntil(within: seconds, every: 0.01) { () throws(LabError) in
      if !isAlive { throw .trouble("\(name) \(fate) before \(what):\n\(said())") }
      return try ready()
    }
    if !came { throw .trouble("\(name): no \(what) within \(seconds) s:\n\(said())") }
  }

  /// Its last lines.
  public func said(lines: Int = 15) -> String {
    let all = (readFile(log) ?? "").split(separator: "\n")
    return all.isEmpty ? "(it said nothing)" : all.suffix(lines).map { "    \($0)" }.joined(separator: "\n")
  }

  /// All it has written.
  public var output: String { readFile(log) ?? "" }

  var fate: String {
    guard let exitCode else { return "runs" }
    return exitCode > 128 ? "was ended by signal \(exitCode - 128)" : "ended with \(exitCode)"
  }

  /// It with the processes that it forked: whose CPU time counts as the server's.
  public var pids: [Int32] { [pid] + ProcessTable.children(of: pid) }
}
