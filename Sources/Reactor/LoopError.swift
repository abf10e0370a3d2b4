internal import Clibuv
internal import Glibc

/// A system call that failed: what was tried, on which address, and the kernel's reason.
///
/// Whose fault and whether to try again follows from `code`: `EADDRINUSE` and `EACCES` are the operator's,
/// `ECONNREFUSED`, `ECONNRESET` and `ETIMEDOUT` the peer's and worth a later try, `EMFILE` a limit of this process.
public struct LoopError: Error, Sendable, CustomStringConvertible {
  /// The positive errno value, comparable with Glibc's constants.
  public let code: Int32
  public let operation: StaticString
  public let address: SocketAddress?

  public init(code: Int32, while operation: StaticString, address: SocketAddress? = nil) {
    self.code = code
    self.operation = operation
    self.address = address
  }

  /// The symbol of the code, such as `EADDRINUSE`.
  public var name: String { String(cString: uv_err_name(-code)) }

  public var description: String {
    let reason = "\(name): \(String(cString: uv_strerror(-code))) while \(operation)"
    guard let address else { return reason }
    return "\(reason) \(address)"
  }
}

extension LoopError {
  /// libuv answers negated errno values.
  init(status: CInt, while operation: StaticString, address: SocketAddress? = nil) {
    self.init(code: -status, while: operation, address: address)
  }

  /// The reason of the system call that has just failed on this thread.
  static func lastFailure(while operation: StaticString, address: SocketAddress? = nil) -> LoopError {
    LoopError(code: errno, while: operation, address: address)
  }
}
