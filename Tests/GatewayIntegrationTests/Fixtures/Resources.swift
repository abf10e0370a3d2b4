import FoundationEssentials
import Glibc
import TestSupport

/// Memory of this process that is in RAM, the gateway's and the test's: /proc/self/statm, second field, in pages.
func residentBytes() -> Int {
  let text = String(decoding: try! Data(contentsOf: URL(filePath: "/proc/self/statm")), as: UTF8.self)
  return Int(text.split(separator: " ")[1])! * sysconf(Int32(_SC_PAGESIZE))
}

/// Files that this process may have open.
func openFilesMax() -> Int {
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = limit.rlim_max
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  return Int(clamping: limit.rlim_cur)
}

/// A socket that can stand in an array.
final class BlockingSocketBox {
  private var socket: BlockingSocket?
  init(port: Int) { socket = BlockingSocket(port: port)! }

  func send(_ text: String) {
    // Lent, not taken out.
    switch socket {
    case .some(let socket): socket.send(text)
    case .none: break
    }
  }

  func reset() { socket.take()?.reset() }
}
