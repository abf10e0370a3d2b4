/// AWS Signature Version 4, checked from what arrived on the wire, as S3 checks it.
public struct SignatureV4: Sendable {
  public let keyID: String
  public let secret: String
  public let region: String

  public init(keyID: String, secret: String, region: String) {
    (self.keyID, self.secret, self.region) = (keyID, secret, region)
  }

  /// Why a request is not signed as it should be; nil when it is.
  public func complaint(about request: WebPeer.Request) -> String? {
    guard let authorization = request.field("authorization"), authorization.hasPrefix("AWS4-HMAC-SHA256 ") else {
      return "AccessDenied: not signed"
    }
    var parts: [String: String] = [:]
    for part in authorization.dropFirst("AWS4-HMAC-SHA256 ".count).split(separator: ",") {
      let sides = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1).map(String.init)
      parts[sides[0]] = sides.count > 1 ? sides[1] : ""
    }
    guard let date = request.field("x-amz-date"), date.count == 16 else { return "AccessDenied: no x-amz-date" }
    guard parts["Credential"] == "\(keyID)/\(date.prefix(8))/\(region)/s3/aws4_request" else {
      return "InvalidAccessKeyId: \(parts["Credential"] ?? "none")"
    }
    guard let payload = request.field("x-amz-content-sha256") else {
      return "MissingSecurityHeader: no hash of the payload"
    }
    let digest = ReferenceSHA256.hex(ReferenceSHA256.digest(request.body))
    guard payload == "UNSIGNED-PAYLOAD" || payload == digest else { return "XAmzContentSHA256Mismatch" }
    let names = (parts["SignedHeaders"] ?? "").split(separator: ";").map(String.init)
    // S3 wants the host and everything that begins with x-amz- under the signature.
    let needed = request.fields.map { $0.name.lowercased() }.filter { $0 == "host" || $0.hasPrefix("x-amz-") }
    guard Set(needed).isSubset(of: names) else { return "AccessDenied: not signed: \(Set(needed).subtracting(names))" }
    let expected = signature(request, date: date, payload: payload, names: names)
    return expected == parts["Signature"] ? nil : "SignatureDoesNotMatch: \(request.method) \(request.target)"
  }

  func signature(_ request: WebPeer.Request, date: String, payload: String, names: [String]) -> String {
    let query = request.query.split(separator: "&").map { $0.contains("=") ? String($0) : "\($0)=" }.sorted()
    var canonical = "\(request.method)\n\(request.path)\n\(query.joined(separator: "&"))\n"
    for name in names { canonical += "\(name):\(request.field(name) ?? "")\n" }
    canonical += "\n\(names.joined(separator: ";"))\n\(payload)"
    let scope = "\(date.prefix(8))/\(region)/s3/aws4_request"
    let digest = ReferenceSHA256.hex(ReferenceSHA256.digest(Array(canonical.utf8)))
    var key = Array("AWS4\(secret)".utf8)
    for part in [String(date.prefix(8)), region, "s3", "aws4_request"] {
      key = ReferenceSHA256.authenticate(Array(part.utf8), key: key)
    }
    let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(digest)"
    return ReferenceSHA256.hex(ReferenceSHA256.authenticate(Array(text.utf8), key: key))
  }
}
