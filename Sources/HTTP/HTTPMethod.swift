/// The methods that some resource could answer (RFC 9110 §9, RFC 5789).
///
/// What is not listed is refused with 501 by the parser; what is listed but not offered by a resource is the router's
/// 405. CONNECT is left out on purpose: its target is an authority and what follows its head is a tunnel, neither of
/// which a gateway has.
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
  case get, head, post, put, delete, options, patch, trace

  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch: "PATCH"
    case .trace: "TRACE"
    }
  }

  /// Methods are case-sensitive (RFC 9110 §9.1).
  init?(_ octets: Octets, _ name: Range<Int>) {
    if octets.equal(name, HTTPMethod.get.name) {
      self = .get
      return
    }
    // Not `allCases`, which is an array and would be allocated.
    for rawValue in HTTPMethod.head.rawValue...HTTPMethod.trace.rawValue {
      let method = HTTPMethod(rawValue: rawValue)!
      if octets.equal(name, method.name) {
        self = method
        return
      }
    }
    return nil
  }
}
