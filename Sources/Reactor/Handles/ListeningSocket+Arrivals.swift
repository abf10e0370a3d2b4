internal import Clibuv
internal import Glibc

extension ListeningSocket {
  /// Lets no further connection begin on a listening TCP socket while those that have begun are completed.
  ///
  /// A socket that is closed resets what waits in its accept queue, and what is half through its handshake. So first a
  /// filter drops every segment that opens a connection (SYN without ACK): nothing new comes in, the rest arrives and
  /// is accepted, and then there is nothing left to be lost. A client whose SYN was dropped sends it again after a
  /// second and finds the port closed, or the next process (tcp(7), SO_ATTACH_FILTER in socket(7)).
  ///
  /// The filter belongs to the socket, not to the descriptor: never for one that another process goes on with.
  /// False when the kernel refuses; the window is then the time from the last accept to the close.
  @discardableResult
  static func stopArrivals(_ descriptor: Int32) -> Bool {
    var program: [sock_filter] = [
      sock_filter(code: 0x30, jt: 0, jf: 0, k: 13),  // A = the byte of flags in the TCP header
      sock_filter(code: 0x54, jt: 0, jf: 0, k: 0x12),  // A &= ACK | SYN
      sock_filter(code: 0x15, jt: 0, jf: 1, k: 0x02),  // SYN alone?
      sock_filter(code: 0x06, jt: 0, jf: 0, k: 0),  // drop
      sock_filter(code: 0x06, jt: 0, jf: 0, k: .max),  // take
    ]
    return program.withUnsafeMutableBufferPointer { instructions in
      var filter = sock_fprog(len: UInt16(instructions.count), filter: instructions.baseAddress)
      return setsockopt(
        descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, socklen_t(MemoryLayout<sock_fprog>.size)) == 0
    }
  }
}
