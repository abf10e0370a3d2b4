public import Bytes

/// An error answer: `application/problem+json` (RFC 9457), with the extension `errors` that says where in the request
/// the fault is.
///
///     {"type":…,"title":…,"status":…,"detail":…,"instance":…,"errors":[{"pointer" or "parameter":…,"detail":…}]}
public struct Problem: Sendable {
  /// Where a fault is.
  public enum Place: Sendable {
    /// A JSON Pointer (RFC 6901) into the body, as `/numResults`.
    case pointer(String)
    /// A query parameter.
    case parameter(String)
    /// A header field.
    case header(String)
  }

  public struct Fault: Sendable {
    public let place: Place
    public let detail: String

    public init(_ place: Place, _ detail: String) {
      self.place = place
      self.detail = detail
    }
  }

  public var status: Int
  /// A sentence about this occurrence, for the person who reads the client's log.
  public var detail: String
  /// Address of what the documentation says about this kind of problem; `about:blank` says no more than the status.
  public var type = "about:blank"
  /// The kind of problem in words; the status's phrase when nil.
  public var title: String?
  /// The request's id, so that both sides' logs can be joined.
  public var instance: String?
  public var faults: [Fault] = []

  public init(status: Int, detail: String) {
    self.status = status
    self.detail = detail
  }

  public init(_ error: HTTPError) {
    self.init(status: error.status, detail: error.reason.description)
  }

  public init(_ error: QueryError) {
    self.init(status: 400, detail: "The parameter \(error.parameter) is malformed.")
    faults = [Fault(.parameter(error.parameter), error.reason.description)]
  }

  public static let contentType: StaticString = "application/problem+json"

  /// Appends the JSON. Text that is not UTF-8 or would break out of its string is escaped.
  public func append(to output: inout ByteBuffer) {
    output.append("{\"type\":\"" as StaticString)
    output.append(jsonEscaped: type)
    output.append("\",\"title\":\"" as StaticString)
    output.append(jsonEscaped: title ?? HTTPStatus.phrase(status))
    output.append("\",\"status\":" as StaticString)
    output.append(decimal: status)
    output.append(",\"detail\":\"" as StaticString)
    output.append(jsonEscaped: detail)
    if let instance {
      output.append("\",\"instance\":\"" as StaticString)
      output.append(jsonEscaped: instance)
    }
    output.append("\"" as StaticString)
    if !faults.isEmpty { appendFaults(to: &output) }
    output.append("}" as StaticString)
  }

  private func appendFaults(to output: inout ByteBuffer) {
    output.append(",\"errors\":[" as StaticString)
    for (index, fault) in faults.enumerated() {
      output.append(index == 0 ? "{\"" : ",{\"" as StaticString)
      let (key, name): (StaticString, String) =
        switch fault.place {
        case .pointer(let name): ("pointer", name)
        case .parameter(let name): ("parameter", name)
        case .header(let name): ("header", name)
        }
      output.append(key)
      output.append("\":\"" as StaticString)
      output.append(jsonEscaped: name)
      output.append("\",\"detail\":\"" as StaticString)
      output.append(jsonEscaped: fault.detail)
      output.append("\"}" as StaticString)
    }
    output.append("]" as StaticString)
  }
}

extension ResponseComposer {
  /// Writes a problem as a whole answer. `fields` appends further header lines, as `Allow` (which 405 must have),
  /// `Retry-After` or `WWW-Authenticate`. Allocates: errors are not the hot path.
  public func write(
    _ problem: Problem, _ persistence: Persistence, to method: HTTPMethod, into output: inout ByteBuffer,
    fields: (inout ByteBuffer) -> Void = { _ in }
  ) {
    var body = ByteBuffer(capacity: 512)
    problem.append(to: &body)
    write(
      problem.status, persistence, to: method, contentType: Problem.contentType, body: body.bytes, into: &output,
      fields: fields)
  }
}
