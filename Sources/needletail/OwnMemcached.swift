import Glibc
import Reactor

/// A memcached that this process starts for itself and ends with itself.
final class OwnMemcached {
  let address: String
  private let pid: pid_t

  /// Starts one on a free port of loopback and waits until it answers.
  ///
  /// `setpriv --pdeathsig` makes the kernel end it even when this process is killed without a chance to clean up
  /// (prctl(2), PR_SET_PDEATHSIG).
  init(memoryMegabytes: Int) throws {
    let port = try OwnMemcached.freePort()
    address = "127.0.0.1:\(port)"
    var arguments = [
      "setpriv", "--pdeathsig", "TERM", "memcached", "-l", "127.0.0.1", "-p", "\(port)", "-U", "0", "-m",
      "\(memoryMegabytes)",
    ]
    // memcached refuses to run as root unless it is told that root is meant.
    if geteuid() == 0 { arguments += ["-u", "root"] }
    var child: pid_t = 0
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    // Its own process group: Ctrl-C goes to us alone, and we end it when we are done.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    defer { posix_spawnattr_destroy(&attributes) }
    let status = posix_spawnp(&child, "setpriv", nil, &attributes, &pointers, environ)
    guard status == 0 else {
      throw CommandFailure(
        .unavailable, "memcached cannot be started: \(String(cString: strerror(status))); is it installed?")
    }
    pid = child
    guard OwnMemcached.answers(port: port) else {
      end()
      throw CommandFailure(.unavailable, "memcached was started on \(address) but does not answer")
    }
  }

  deinit { end() }

  private func end() {
    kill(pid, SIGTERM)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
  }

  /// Asks the kernel for a port that is free now. Somebody else may take it before memcached does; then memcached does
  /// not answer and the start fails with a sentence.
  private static func freePort() throws -> UInt16 {
    let loop = try EventLoop()
    let listener = try Listener(loop: loop, address: SocketAddress("127.0.0.1:0")) { _ in }
    defer { listener.close() }
    return listener.address.port
  }

  /// Tries to connect for up to two seconds.
  private static func answers(port: UInt16) -> Bool {
    for _ in 0..<100 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
      let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if connected == 0 { return true }
      usleep(20_000)
    }
    return false
  }
}
