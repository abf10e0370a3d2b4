/// What a step recognised in the bytes it was given. All offsets count from the start of those bytes.
public enum Step: Sendable, Equatable {
  /// Nothing yet: give the same bytes again with more after them.
  case needMore
  /// A whole head: `parser.head` describes it. The next step starts after these bytes; the head's ranges stay valid for
  /// as long as the caller keeps them.
  case head(bytes: Int)
  /// A piece of the body, never empty, without chunk framing. The next step starts after `consumed` bytes.
  case body(Range<Int>, consumed: Int)
  /// The request is complete, trailers dropped. The next step starts after `consumed` bytes, with a new request.
  case end(consumed: Int)
}

/// HTTP/1.1 requests out of bytes that arrive in any pieces (RFC 9112), without I/O or clock, and without
/// allocation once it is made.
///
///     request = [CRLF] method SP target SP version CRLF *(name ":" OWS value OWS CRLF) CRLF [body]
///
/// The owner keeps the bytes of the connection and calls `step` with all that were not consumed yet, until `.needMore`:
///
///     case .head(let bytes):  route by parser.head; set bodyBytesMax; the next step starts after `bytes`
///     case .body(let range, let consumed):  take bytes[range]; the next step starts after `consumed`
///     case .end(let consumed):  answer; the next step starts after `consumed`
///
/// Every request yields `.head`, any number of `.body`, then `.end`, also one without a body. A client that expects
/// `100 Continue` is sent it when the step after `.head` answers `.needMore`: by then the length has been checked.
///
/// Verdicts never depend on how the network cut the bytes: lines are judged when they are complete, and a line that
/// waits is searched for its end from where the last search stopped, so a head costs O(bytes) however it drips in.
///
/// Every error closes. Reading on after one would mean guessing where the next request starts, which is what request
/// smuggling lives on; so is each leniency of RFC 9112 ("MAY", "SHOULD ignore") that this parser does not take up.
public struct RequestParser: ~Copyable {
  /// The last head. Meaningful from `.head` until the step after `.end`.
  public internal(set) var head: RequestHead
  /// Longest decoded body of the request at hand: the limits' at first, then what its route allows.
  public var bodyBytesMax: Int

  let limits: HTTPLimits
  var state = State.requestLine
  private var failure: HTTPError?
  /// Start of the line being read: bytes before it are parsed but, the step being unfinished, not yet consumed.
  var at = 0
  /// Bytes before this one hold no line feed at or after `at`.
  var searched = 0
  /// Bytes of the head, then of the head and trailers; bounded by `headBytes`.
  var headBytes = 0
  /// Body bytes still to come: of the whole body by Content-Length, else of the chunk.
  var remaining = 0
  /// Decoded bytes of the chunks announced so far, and what framing they cost.
  var chunkedBytes = 0
  var chunkOverheadBytes = 0
  var trailerLines = 0
  /// Whether Transfer-Encoding was met, and whether Connection said `keep-alive`, in the head at hand.
  var codingSeen = false
  var keepAliveAsked = false

  enum State: UInt8 {
    case requestLine, emptyLineSeen, fields
    case fixedBody
    case chunkLine, chunkData, chunkEnd, trailers
    case end
    /// The last request said `Connection: close`: whatever follows is not for us (RFC 9112 §9.6).
    case finished
    /// `failure` says why.
    case failed
  }

  public init(limits: HTTPLimits = HTTPLimits()) {
    limits.check()
    self.limits = limits
    head = RequestHead(headerLines: limits.headerLines)
    bodyBytesMax = limits.bodyBytes
  }

  /// Whether a request has begun and is not complete: a deadline should be running.
  public var isInsideRequest: Bool {
    switch state {
    case .requestLine, .emptyLineSeen: searched > at
    case .finished, .failed: false
    default: true
    }
  }

  /// Whether the last request was the last one: further bytes are neither read nor answered.
  public var isFinished: Bool {
    switch state {
    case .finished, .failed: true
    default: false
    }
  }

  /// Recognises the next thing in `bytes`: all bytes of the connection that no step has consumed.
  ///
  /// After an error every further step throws it again. After the `.end` of a request that closes the connection, every
  /// further step is `.needMore`. O(new bytes).
  public mutating func step(_ bytes: RawSpan) throws(HTTPError) -> Step {
    do {
      return try bytes.withUnsafeBytes { (bytes) throws(HTTPError) -> Step in try advance(Octets(bytes)) }
    } catch {
      state = .failed
      failure = error
      throw error
    }
  }

  private mutating func advance(_ octets: Octets) throws(HTTPError) -> Step {
    switch state {
    case .requestLine, .emptyLineSeen, .fields: try readHead(octets)
    case .fixedBody: try readFixedBody(octets)
    case .chunkLine, .chunkData, .chunkEnd, .trailers: try readChunkedBody(octets)
    case .end: end(consumed: 0)
    case .finished: .needMore
    case .failed: throw failure!
    }
  }

  /// The request is complete; the parser is ready for the next, or for none.
  mutating func end(consumed: Int) -> Step {
    state = head.keepAlive ? .requestLine : .finished
    restart()
    return .end(consumed: consumed)
  }

  /// The next step's bytes begin where this step's consumed ones end.
  mutating func restart() {
    at = 0
    searched = 0
  }

  /// The offset of the CR LF that ends the line at `at`; nil when it has not arrived.
  ///
  /// `budget`: how many bytes the given ones may hold up to the end of the line.
  @inline(__always)
  mutating func lineEnd(
    _ octets: Octets, budget: Int, tooLong: HTTPError, overBudget: HTTPError
  ) throws(HTTPError) -> Int? {
    guard let feed = octets.first(0x0A, in: max(at, searched)..<octets.count) else {
      searched = octets.count
      // The line and its CR LF would fit only if nothing but its LF were missing.
      guard octets.count - at <= limits.lineBytes + 1 else { throw tooLong }
      guard octets.count < budget else { throw overBudget }
      return nil
    }
    guard feed - at - 1 <= limits.lineBytes else { throw tooLong }
    guard feed + 1 <= budget else { throw overBudget }
    guard feed > at && octets[feed - 1] == 0x0D else { throw .bareLineFeed }
    return feed - 1
  }
}
