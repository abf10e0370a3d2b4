import Glibc
import Reactor

/// What the service manager is told (sd_notify(3), systemd.service(5) `Type=notify-reload`). Without one, nothing.
///
/// The watchdog is for what no exit code tells: a loop that hangs. It is fed only when every worker has said, since the
/// last time, that its loop turns; the control loop shows by asking that its own does.
final class ServiceStatus {
  private let notifier: ServiceNotifier?
  /// How often the watchdog must hear; nil when nobody watches.
  let watchdogMicroseconds: UInt64?
  /// Workers that have not answered the last question.
  private var silent: Set<Int> = []
  private var round: UInt64 = 0
  private var isReady = false

  /// - Parameter environment: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as the manager set them.
  init(environment: [String: String], processID: Int32 = getpid()) {
    notifier = ServiceNotifier(socket: environment["NOTIFY_SOCKET"])
    let isMeant = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
    let microseconds = environment["WATCHDOG_USEC"].flatMap { UInt64($0) }
    watchdogMicroseconds = notifier != nil && isMeant ? microseconds.flatMap { $0 > 0 ? $0 : nil } : nil
  }

  /// A third of the manager's patience: one question may be lost in a long turn, and the answer still comes in time.
  var questionMilliseconds: Int? { watchdogMicroseconds.map { max(1, Int($0 / 3000)) } }

  // MARK: What is told.

  func waiting(for what: String) { send(["STATUS=waiting for \(what)"]) }

  func ready(_ status: String) {
    isReady = true
    send(["READY=1", "STATUS=\(status)"])
  }

  /// A change of what serves.
  func serving(_ status: String) { if isReady { send(["STATUS=\(status)"]) } }

  func reloading() {
    send(["RELOADING=1", "MONOTONIC_USEC=\(monotonicMicroseconds())", "STATUS=reading the configuration"])
  }

  /// The manager waits for READY=1 after RELOADING=1, whatever came of it.
  func reloaded(_ status: String) { send([isReady ? "READY=1" : "", "STATUS=\(status)"]) }

  func stopping() { send(["STOPPING=1", "STATUS=draining"]) }

  /// From now on the manager's process is the successor: told by the one that it knows. This one's end is then no event.
  func succeeded(by processID: Int32) { send(["MAINPID=\(processID)", "STATUS=taken over by process \(processID)"]) }

  private func send(_ lines: [String]) {
    notifier?.send(lines.filter { !$0.isEmpty }.joined(separator: "\n"))
  }

  // MARK: The watchdog.

  /// Begins a question to the workers that run, unless one of them still owes the answer to the last.
  func question(_ workers: Set<Int>) -> UInt64? {
    guard silent.isEmpty else { return nil }
    silent = workers
    round += 1
    return round
  }

  func answered(_ worker: Int, _ round: UInt64) {
    guard round == self.round, silent.remove(worker) != nil, silent.isEmpty else { return }
    send(["WATCHDOG=1"])
  }

  /// A worker that has ended owes nothing.
  func ended(_ worker: Int) { answered(worker, round) }
}

private func monotonicMicroseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
}
