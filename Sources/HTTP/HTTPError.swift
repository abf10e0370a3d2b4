/// Why a request cannot be read. The client's fault, every one: it is answered with `status` and the connection closes,
/// because after it nobody knows where the next request begins.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
  public let status: Int
  /// A sentence for the `detail` of the answer.
  public let reason: StaticString

  public init(status: Int, reason: StaticString) {
    self.status = status
    self.reason = reason
  }

  public var description: String { "\(status): \(reason)" }
}

// Each with the section that demands it; edge.md §2 is the table in the order of the standard.
extension HTTPError {
  // RFC 9112 §2.2: lines.
  static let bareLineFeed = HTTPError(status: 400, reason: "A line must end with CR LF, not with LF alone.")
  static let emptyLines = HTTPError(status: 400, reason: "More than one empty line stands before the request line.")
  static let leadingSpace = HTTPError(status: 400, reason: "A header line must not begin with white space.")

  // RFC 9112 §2.3, §3: the request line.
  static let requestLine = HTTPError(
    status: 400, reason: "The request line must be a method, a target and a version with one space between them.")
  static let version = HTTPError(status: 400, reason: "The HTTP version must be HTTP/1.0 or HTTP/1.1.")
  static let versionMajor = HTTPError(status: 505, reason: "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
  static let method = HTTPError(status: 501, reason: "The method is not known here.")
  static let targetByte = HTTPError(
    status: 400, reason: "The target must hold neither spaces, control characters, # nor bytes beyond ASCII.")
  static let targetForm = HTTPError(
    status: 400, reason: "The target must be a path, an absolute http or https URI, or * with OPTIONS.")
  static let targetTooLong = HTTPError(status: 414, reason: "The request line is longer than the limit.")

  // RFC 9112 §3.2: Host.
  static let hostMissing = HTTPError(status: 400, reason: "An HTTP/1.1 request must have a Host field.")
  static let hostRepeated = HTTPError(status: 400, reason: "A request must not have more than one Host field.")
  static let hostInvalid = HTTPError(status: 400, reason: "The host must be a name or an address with at most a port.")

  // RFC 9112 §5: fields.
  static let fieldName = HTTPError(
    status: 400, reason: "A header line must begin with a name of token characters and a colon, with no space between.")
  static let fieldValue = HTTPError(status: 400, reason: "A header value must not hold control characters.")
  static let headTooLarge = HTTPError(status: 431, reason: "The head is larger than the limit.")
  static let fieldTooLong = HTTPError(status: 431, reason: "A header line is longer than the limit.")
  static let fieldsTooMany = HTTPError(status: 431, reason: "There are more header lines than the limit.")

  // RFC 9112 §6: framing.
  static let lengthAndCoding = HTTPError(
    status: 400, reason: "Content-Length and Transfer-Encoding must not stand together.")
  static let lengthInvalid = HTTPError(status: 400, reason: "Content-Length must be one decimal number.")
  static let lengthRepeated = HTTPError(status: 400, reason: "Content-Length must not be repeated.")
  static let codingInOld = HTTPError(status: 400, reason: "HTTP/1.0 has no Transfer-Encoding.")
  static let codingInvalid = HTTPError(status: 400, reason: "Transfer-Encoding must be a list that ends with chunked.")
  static let codingRepeated = HTTPError(status: 400, reason: "Transfer-Encoding must not be repeated.")
  static let codingUnknown = HTTPError(status: 501, reason: "No transfer coding but chunked is known here.")
  static let expectation = HTTPError(status: 417, reason: "The only expectation that can be met is 100-continue.")
  static let bodyTooLarge = HTTPError(status: 413, reason: "The body is larger than the limit of this resource.")

  // RFC 9112 §7.1: chunks.
  static let chunkSize = HTTPError(
    status: 400, reason: "A chunk must begin with its size in hexadecimal, at most 16 digits, and CR LF.")
  static let chunkExtension = HTTPError(status: 400, reason: "A chunk extension is malformed.")
  static let chunkLineTooLong = HTTPError(status: 400, reason: "A chunk-size line is longer than the limit.")
  static let chunkEnd = HTTPError(status: 400, reason: "The data of a chunk must be followed by CR LF.")
  static let chunkOverhead = HTTPError(status: 400, reason: "The body spends most of its bytes on chunk framing.")

  /// For the clock's owner: the head did not arrive in time (RFC 9110 §15.5.9).
  public static let headTimeout = HTTPError(status: 408, reason: "The request did not arrive in time.")
  /// For the clock's owner: the body did not arrive in time.
  public static let bodyTimeout = HTTPError(status: 408, reason: "The body of the request did not arrive in time.")
}
