import Configuration
import Glibc
import Logging

/// Every connection is an open file. The soft limit, 1,024 on most systems, is far below what the gateway may hold, and
/// exists for programs that use select(2); it is raised to the hard one (systemd's NEWS for 240 recommends just that).
enum FileLimit {
  /// Files beside the connections of clients: loops, listeners, memcached, mapped snapshots, logs.
  static let othersMax = 256

  /// Raises the limit, and says so when it still does not suffice.
  static func raise(for settings: Settings, workers: Int) {
    var limit = rlimit()
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(files, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(files, &limit)
    guard getrlimit(files, &limit) == 0 else { return }
    let needed = UInt64(settings.http.connectionsMax) * UInt64(workers) + UInt64(othersMax)
    guard limit.rlim_cur < needed else { return }
    Logger(label: "server").info(
      "fewer files may be open than connections are allowed: raise the limit (ulimit -n), or lower http.connectionsMax",
      metadata: ["limit": "\(limit.rlim_cur)", "needed": "\(needed)"])
  }
}
