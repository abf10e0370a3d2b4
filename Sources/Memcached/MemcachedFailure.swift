/// Why a request has no answer. Every one of them is a miss to the caller; they are told apart for the counters.
///
/// The first four are refusals: the request never left, `get`, `set` or `delete` returned false, and no callback comes.
public enum MemcachedFailure: UInt8, Error, Sendable, CaseIterable {
  /// The node has no usable connection now. Its own backoff retries; the caller need not.
  case down
  /// The node has as many unanswered requests or unsent bytes as it may have. Ours; less load helps.
  case overloaded
  /// An empty key, one above 250 bytes, or one with spaces or control characters. The caller's fault.
  case badKey
  /// The value is above the server's item_size_max. The caller's fault.
  case valueTooLarge
  /// No answer in time. The connection is closed, for the answer may still come and must meet nobody.
  case timeout
  /// The connection ended, or was closed for another request's failure, before this one was answered.
  case connectionLost
  /// The server called the command wrong (CLIENT_ERROR, ERROR): a bug of ours or a server that is too old.
  case clientError
  /// SERVER_ERROR: the server could not, mostly for want of memory.
  case serverError
  /// A line, flag, length or opaque that this request cannot have caused. Whatever follows cannot be trusted.
  case desynchronised

  /// The word for labels and logs.
  public var label: StaticString {
    switch self {
    case .down: "down"
    case .overloaded: "overloaded"
    case .badKey: "bad_key"
    case .valueTooLarge: "value_too_large"
    case .timeout: "timeout"
    case .connectionLost: "connection_lost"
    case .clientError: "client_error"
    case .serverError: "server_error"
    case .desynchronised: "desynchronised"
    }
  }
}
