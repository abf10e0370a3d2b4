internal import Bytes
internal import Glibc

/// One keep-alive connection: its socket, the requests that wait on it, and what has come of an answer. Its owner decides.
final class ClientConnection {
  enum State: Equatable {
    case connecting, open
    /// No socket, until this time.
    case waiting(until: Int64)
  }

  /// First wait after a failure, doubled with each further one up to the longest, and shortened by up to a half at random.
  static let backoffNanoseconds: Int64 = 5_000_000
  static let backoffNanosecondsMax: Int64 = 500_000_000

  let place: Int
  private(set) var state = State.waiting(until: .min)
  private(set) var socket: Int32 = -1
  var inFlight = Queue<PendingRequest>(capacity: 2)
  var parser = ResponseParser()
  /// The beginning of an answer whose end has not come.
  var inbox = ByteBuffer(capacity: 4096)
  /// What the kernel did not take.
  var unsent = ByteBuffer(capacity: 64)
  /// Whether it stands in the list of connections with this many requests in flight: one bit each.
  var listed: UInt64 = 0
  /// Of the last answer's recommendationId; 0 before there is one.
  var lastIdentity: UInt64 = 0
  /// Since it was connected. One that ends without has failed as much as one that could not be made.
  var hasAnswered = false { didSet { if hasAnswered { failures = 0 } } }
  private var failures = 0

  init(place: Int) { self.place = place }

  deinit { if socket >= 0 { close(socket) } }

  var isOpen: Bool { state == .open }

  /// Starts to connect; nil when that is under way, else why it cannot be. Unix sockets are connected at once.
  func connect(to target: LoadTarget, _ poller: borrowing Poller) -> Int32? {
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    socket = Glibc.socket(target.family, flags, 0)
    guard socket >= 0 else { return errno }
    if !target.isUnix {
      var on: Int32 = 1
      setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    let status = target.address.withUnsafeBytes { bytes in
      Glibc.connect(socket, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    guard status == 0 || errno == EINPROGRESS else {
      let reason = errno
      drop()
      return reason
    }
    state = .connecting
    poller.add(socket, token: place, [.reading, .writing])
    return nil
  }

  /// The kernel has decided on the connection: nil when it stands.
  func connected(_ poller: borrowing Poller) -> Int32? {
    var reason: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &reason, &length)
    guard reason == 0 else { return reason }
    state = .open
    hasAnswered = false
    poller.change(socket, token: place, .reading)
    return nil
  }

  /// Sends, and keeps what the kernel does not take; false when the connection is broken.
  func send(_ bytes: UnsafeRawBufferPointer, _ poller: borrowing Poller) -> Bool {
    guard unsent.isEmpty else {
      unsent.append(unsafe: bytes)
      return true
    }
    let sent = Glibc.send(socket, bytes.baseAddress!, bytes.count, Int32(MSG_NOSIGNAL))
    guard sent >= 0 || errno == EAGAIN else { return false }
    if sent < bytes.count {
      unsent.append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[max(0, sent)...]))
      poller.change(socket, token: place, [.reading, .writing])
    }
    return true
  }

  /// The socket takes bytes again; false when it is broken.
  func sendRest(_ poller: borrowing Poller) -> Bool {
    let sent = unsent.withBytes { bytes in
      bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
    }
    guard sent >= 0 || errno == EAGAIN else { return false }
    unsent.removeFirst(max(0, sent))
    if unsent.isEmpty { poller.change(socket, token: place, .reading) }
    return true
  }

  /// Closes and forgets everything but the requests in flight, which the owner settles.
  func drop() {
    if socket >= 0 { close(socket) }
    socket = -1
    state = .waiting(until: .min)
    parser = ResponseParser()
    inbox.removeAll()
    unsent.removeAll()
    lastIdentity = 0
  }

  /// Ends the wait of a connection that is waiting.
  func retryNow() { state = .waiting(until: .min) }

  /// After a connection that could not be made: says until when to wait.
  func backOff(now: Int64, _ random: inout Random64) {
    let longest = min(ClientConnection.backoffNanoseconds << min(failures, 16), ClientConnection.backoffNanosecondsMax)
    failures += 1
    state = .waiting(until: now + longest - Int64(random.unit() * Double(longest) / 2))
  }
}
