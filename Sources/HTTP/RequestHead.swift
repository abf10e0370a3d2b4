/// The forms a request target may take (RFC 9112 §3.2); the fourth, the authority of CONNECT, is refused.
public enum TargetForm: Sendable {
  case origin
  case absolute
  /// `OPTIONS *`: a question to the server, not to a resource. The path is `*`.
  case asterisk
}

/// What a server does to a connection after the answer, and what its head has to say about it (RFC 9112 §9.3).
public enum Persistence: Sendable {
  /// Open, as HTTP/1.1 takes for granted: no field.
  case implied
  /// Open, although the client speaks HTTP/1.0: `Connection: keep-alive`.
  case keepAlive
  /// `Connection: close`.
  case close
}

/// Fields that the parser indexes while it reads, so that finding one costs a load.
public enum KnownField: UInt8, Sendable {
  case host, contentType, ifNoneMatch, authorization, origin, accept, acceptEncoding, traceparent, requestID
  case accessControlRequestMethod

  static let count = 10
}

/// A request head, as offsets into the bytes that it was parsed from: no byte is copied, nothing is allocated.
///
/// All ranges count from the start of the bytes that were given to the `step` that answered `.head`. The owner of those
/// bytes keeps them for as long as it asks the head for anything. The next `.head` overwrites this one, which is why it
/// cannot be copied: what is needed longer is taken out.
public struct RequestHead: ~Copyable {
  public internal(set) var method = HTTPMethod.get
  /// The whole target as it was sent.
  public internal(set) var target = 0..<0
  public internal(set) var targetForm = TargetForm.origin
  /// The path, still percent-encoded. Empty only for an absolute target without one, which means `/` (RFC 9110 §4.2.3).
  public internal(set) var path = 0..<0
  /// What follows the first `?`; nil without one.
  public internal(set) var query: Range<Int>?
  /// The authority of an absolute target, else the Host field (RFC 9112 §3.2.2); nil only in HTTP/1.0.
  public internal(set) var host: Range<Int>?
  /// 0 for HTTP/1.0; 1 for HTTP/1.1 and for 1.2 to 1.9, which differ in nothing that 1.1 may not ignore.
  public internal(set) var versionMinor = 1
  /// Whether the connection stays open after the answer.
  public internal(set) var keepAlive = true
  public internal(set) var contentLength: Int?
  public internal(set) var isChunked = false
  /// The client waits for `100 Continue`, or for a final answer, before it sends the body.
  public internal(set) var expectContinue = false

  private var fields: FieldTable
  /// For each `KnownField` one more than the index of its first line; 0 when there is none.
  private var known = InlineArray<10, UInt8>(repeating: 0)

  init(headerLines: Int) {
    fields = FieldTable(capacity: headerLines)
  }

  /// Header lines, those of known fields included.
  public var fieldCount: Int { fields.count }

  /// Whether bytes of a body follow the head.
  public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }

  /// What the answer has to say about the connection.
  public var persistence: Persistence { keepAlive ? (versionMinor == 0 ? .keepAlive : .implied) : .close }

  /// A header line, in the order of arrival; the value without the white space around it.
  public func field(_ index: Int) -> (name: Range<Int>, value: Range<Int>) {
    (fields.name(index), fields.value(index))
  }

  /// The value of the first line of a field. O(1).
  public func value(of field: KnownField) -> Range<Int>? {
    let line = known[Int(field.rawValue)]
    return line == 0 ? nil : fields.value(Int(line) - 1)
  }

  /// The value of the first line called `name`, in lower case here and in any case there. O(fields).
  public func value(of name: StaticString, in bytes: RawSpan) -> Range<Int>? {
    index(of: name, from: 0, in: bytes).map { fields.value($0) }
  }

  /// The index of the next line called `name`, in lower case here and in any case there, at or after `from`; so that
  /// all lines of a repeated field can be met.
  public func index(of name: StaticString, from: Int, in bytes: RawSpan) -> Int? {
    bytes.withUnsafeBytes { bytes in
      let octets = Octets(bytes)
      for index in from..<max(from, fieldCount) where octets.equal(fields.name(index), lowercase: name) {
        return index
      }
      return nil
    }
  }

  /// Whether a conditional GET is answered by 304 for a resource whose current tag is `entityTag`.
  public func matches(entityTag: RawSpan, in bytes: RawSpan) -> Bool {
    guard known[Int(KnownField.ifNoneMatch.rawValue)] != 0 else { return false }
    var line = Int(known[Int(KnownField.ifNoneMatch.rawValue)]) - 1
    while true {
      if ifNoneMatch(bytes.extracting(fields.value(line)), matches: entityTag) { return true }
      guard let next = index(of: "if-none-match", from: line + 1, in: bytes) else { return false }
      line = next
    }
  }

  // MARK: What the parser writes.

  /// Back to the state of a new head.
  mutating func clear() {
    method = .get
    targetForm = .origin
    query = nil
    host = nil
    versionMinor = 1
    keepAlive = true
    contentLength = nil
    isChunked = false
    expectContinue = false
    fields.removeAll()
    known = InlineArray(repeating: 0)
  }

  mutating func append(name: Range<Int>, value: Range<Int>) { fields.append(name: name, value: value) }

  /// Notes that the line just appended is a known field, unless an earlier one is.
  mutating func index(as field: KnownField) {
    guard known[Int(field.rawValue)] == 0 else { return }
    known[Int(field.rawValue)] = UInt8(fieldCount)
  }
}
