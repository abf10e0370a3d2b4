public import Bytes

/// Answers written into a `ByteBuffer`: head and body one after the other, in one pass.
///
/// The hot path takes the pieces, so that a body may be composed after its head and its length patched in:
///
///     composer.begin(200, .implied, into: &out)
///     out.append(field: "Content-Type", "application/json")
///     let length = out.reserveContentLength()
///     out.endHead()
///     let body = out.count
///     … append the body …
///     out.patch(contentLength: out.count - body, at: length)
///
/// Everything else uses `write`, which also knows which answers have no body. One composer a worker.
public struct ResponseComposer: Sendable {
  private var date = DateLine()

  /// `unixSeconds`: the time, for the `Date` field (RFC 9110 §6.6.1).
  public init(unixSeconds: Int) {
    date.refresh(unixSeconds: unixSeconds)
  }

  /// Tells the time. Called once a turn of the loop or so; costs nothing when the second is the same.
  public mutating func refreshDate(unixSeconds: Int) {
    date.refresh(unixSeconds: unixSeconds)
  }

  /// Writes the status line, `Date` and what is to be said about the connection.
  public func begin(_ status: Int, _ persistence: Persistence, into output: inout ByteBuffer) {
    output.append(HTTPStatus.line(status))
    output.append(date.line.span.bytes)
    switch persistence {
    case .implied: break
    case .keepAlive: output.append("Connection: keep-alive\r\n" as StaticString)
    case .close: output.append("Connection: close\r\n" as StaticString)
    }
  }

  /// Writes a whole answer.
  ///
  /// `method`: of the request; to HEAD the length is told and the body left out. 204 and 304 have neither, whatever
  /// `body` is (RFC 9110 §8.6 forbids a length in 204, and in 304 one that is not the full answer's).
  /// `fields` appends further header lines.
  public func write(
    _ status: Int, _ persistence: Persistence, to method: HTTPMethod, contentType: StaticString?, body: RawSpan,
    into output: inout ByteBuffer, fields: (inout ByteBuffer) -> Void = { _ in }
  ) {
    begin(status, persistence, into: &output)
    if let contentType, HTTPStatus.hasContent(status) { output.append(field: "Content-Type", contentType) }
    fields(&output)
    guard HTTPStatus.hasContent(status) else { return output.endHead() }
    output.append(field: "Content-Length", decimal: body.byteCount)
    output.endHead()
    if method != .head { output.append(body) }
  }

  /// `100 Continue`: go on and send the body (RFC 9110 §15.2.1). No field, no length.
  public static func writeContinue(into output: inout ByteBuffer) {
    output.append("HTTP/1.1 100 Continue\r\n\r\n" as StaticString)
  }
}

extension ByteBuffer {
  /// Width of a length or number that is patched in later: bodies below 100 MB.
  public static let patchedDigits = 8

  public mutating func append(field name: StaticString, _ value: StaticString) {
    append(name)
    append(": " as StaticString)
    append(value)
    endLine()
  }

  /// Appends a header line with a value from elsewhere. Control characters in it become `?`: nothing that a client, a
  /// file or another server said can start a line of its own.
  public mutating func append(field name: StaticString, _ value: RawSpan) {
    append(name)
    append(": " as StaticString)
    append(fieldContent: value)
    endLine()
  }

  public mutating func append(field name: StaticString, _ value: String) {
    append(field: name, value.utf8.span.bytes)
  }

  public mutating func append(field name: StaticString, decimal value: Int) {
    append(name)
    append(": " as StaticString)
    append(decimal: value)
    endLine()
  }

  /// Appends the empty line.
  public mutating func endHead() { append("\r\n" as StaticString) }

  /// Appends a `Content-Length` whose number is not known yet and returns where it goes.
  public mutating func reserveContentLength() -> Int {
    append("Content-Length: " as StaticString)
    let offset = reserveNumber()
    endLine()
    return offset
  }

  /// Appends room for a number of up to eight digits and returns where it goes. It begins blank, and is patched from the
  /// right: blanks before a value are not part of it (RFC 9110 §5.5), which leading zeros would be.
  public mutating func reserveNumber() -> Int {
    append("        " as StaticString)
    return count - Self.patchedDigits
  }

  public mutating func patch(contentLength: Int, at offset: Int) { patch(decimal: contentLength, at: offset) }

  /// Writes a number into reserved room. At most 99 999 999.
  public mutating func patch(decimal value: Int, at offset: Int) {
    precondition(value >= 0 && value < 100_000_000)
    var digits = every(0x20)
    var rest = UInt64(value)
    // Little-endian: the last digit is the highest byte.
    var shift: UInt64 = 56
    repeat {
      digits ^= (0x10 | rest % 10) << shift
      rest /= 10
      shift &-= 8
    } while rest > 0
    replace(at: offset, littleEndian: digits)
  }

  private mutating func append(fieldContent value: RawSpan) {
    value.withUnsafeBytes { bytes in
      let octets = Octets(bytes)
      if octets.isFieldContent(0..<octets.count) { return append(unsafe: bytes) }
      for offset in 0..<octets.count { append(isFieldByte(octets[offset]) ? octets[offset] : UInt8(ascii: "?")) }
    }
  }

  private mutating func endLine() { append("\r\n" as StaticString) }
}
