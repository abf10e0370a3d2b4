internal import FoundationEssentials
internal import Glibc

/// A real memcached for one test, on a free port of 127.0.0.1 or a unix socket; ended with the value.
///
/// `NEEDLETAIL_TEST_MEMCACHED=host:port` attaches to a running one instead, which is then never stopped or killed:
/// tests that need to do so ask `isOwned`.
public final class MemcachedServer {
  /// `127.0.0.1:<port>` or the socket's path, as a node address.
  public let address: String
  public let isOwned: Bool
  private let place: Place
  private let options: [String]
  private var process: pid_t = 0

  private enum Place {
    case port(Int)
    case socket(String, TemporaryFolder)
  }

  public static var isInstalled: Bool { executable != nil || attached != nil }

  /// Waits until the server answers.
  public init(unixSocket: Bool = false, options: [String] = []) {
    self.options = options
    if let attached = Self.attached, !unixSocket {
      address = attached
      isOwned = false
      place = .port(Int(attached.split(separator: ":").last!)!)
      return
    }
    isOwned = true
    if unixSocket {
      let folder = TemporaryFolder()
      address = folder.file("m.sock")
      place = .socket(address, folder)
    } else {
      let port = freePort()
      address = "127.0.0.1:\(port)"
      place = .port(port)
    }
    start()
  }

  deinit { if isOwned { kill() } }

  /// SIGKILL: connections are reset by the kernel, the port is free at once.
  public func kill() {
    precondition(isOwned, "an attached memcached is not ours to kill")
    guard process != 0 else { return }
    Glibc.kill(process, SIGKILL)
    waitpid(process, nil, 0)
    process = 0
  }

  /// SIGSTOP: connections stand and are even accepted by the kernel, but nothing is answered.
  public func stop() {
    signal(SIGSTOP)
    // A signal takes effect when it likes; this returns when it has.
    waitpid(process, nil, WUNTRACED)
  }

  public func resume() { signal(SIGCONT) }

  /// Kills it if it still runs and starts an empty one in the same place.
  public func restart() {
    kill()
    start()
  }

  /// A connection beside the client's, to look at the server or to change what it holds.
  public func connect() -> BlockingSocket {
    guard let socket = tryConnect() else { preconditionFailure("memcached at \(address) does not answer") }
    return socket
  }

  private static var attached: String? { ProcessInfo.processInfo.environment["NEEDLETAIL_TEST_MEMCACHED"] }

  private static let executable: String? = ["/usr/bin/memcached", "/usr/local/bin/memcached"].first {
    access($0, X_OK) == 0
  }

  private func tryConnect() -> BlockingSocket? {
    switch place {
    case .port(let port): BlockingSocket(port: port)
    case .socket(let path, _): BlockingSocket(path: path)
    }
  }

  private func signal(_ number: Int32) {
    precondition(isOwned && process != 0, "no memcached of ours is running")
    Glibc.kill(process, number)
  }

  private func start() {
    guard let executable = Self.executable else { preconditionFailure("memcached is not installed") }
    var arguments = [executable, "-U", "0", "-m", "64", "-t", "1"] + options
    if getuid() == 0 { arguments += ["-u", "root"] }
    switch place {
    case .port(let port): arguments += ["-l", "127.0.0.1", "-p", String(port)]
    case .socket(let path, _):
      unlink(path)
      arguments += ["-s", path]
    }
    process = spawn(arguments)
    for _ in 0..<500 {
      if let socket = tryConnect() {
        socket.send("mn\r\n")
        if socket.receive() == "MN\r\n" { return }
      }
      usleep(10_000)
    }
    preconditionFailure("memcached did not start: \(arguments.joined(separator: " "))")
  }
}

/// Starts a program with our standard streams.
private func spawn(_ arguments: [String]) -> pid_t {
  var process: pid_t = 0
  var pointers = arguments.map { strdup($0) } + [nil]
  defer { pointers.forEach { free($0) } }
  let status = posix_spawn(&process, arguments[0], nil, nil, &pointers, environ)
  precondition(status == 0, "cannot start \(arguments[0]): errno \(status)")
  return process
}
