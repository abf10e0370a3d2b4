internal import Bytes

/// The objects below a prefix of an S3-compatible bucket, signed with AWS Signature Version 4 by libcurl.
///
/// Rules that libcurl 7.88 needs (interfaces §2.7): the payload's hash always goes along, or S3 refuses the call; paths
/// and queries have no byte that would have to be escaped twice; queries are sorted.
struct Bucket: ObjectStore {
  private static let listBytes = 4 << 20
  /// 1000 folders a page.
  private static let pagesMax = 20

  /// S3 wants larger objects in parts, which is another protocol.
  let objectBytesMax = 5 << 30
  let address: BucketAddress
  private let base: String
  private let region: String
  private let prefix: String
  private let client: WebClient

  init(_ address: BucketAddress, _ access: RepositoryAccess) throws(RepositoryLocation.Mistake) {
    self.address = address
    let environment = access.environment
    region = address.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1"
    guard isRegion(region) else {
      throw RepositoryLocation.Mistake(description: "AWS_REGION: \"\(region)\" is no region")
    }
    var endpoint = address.endpoint
    if endpoint == nil, let text = environment["AWS_ENDPOINT_URL_S3"] ?? environment["AWS_ENDPOINT_URL"], !text.isEmpty
    {
      endpoint = try WebAddress(parsing: text)
    }
    base =
      if let endpoint {
        "\(endpoint)/\(address.bucket)"
      } else if address.bucket.contains(".") {
        // A certificate's star stands for one label only.
        "https://s3.\(region).amazonaws.com/\(address.bucket)"
      } else {
        "https://\(address.bucket).s3.\(region).amazonaws.com"
      }
    prefix = address.prefix.isEmpty ? "" : address.prefix + "/"
    client = WebClient(access)
  }

  var place: String { address.description }

  func url(_ path: String) -> String { "\(base)/\(prefix)\(path)" }

  func perform(
    _ call: WebCall, place: String, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply {
    var call = call
    let payload = call.upload?.digest ?? SHA256.digest(RawSpan())
    call.fields.append("x-amz-content-sha256: \(payload)")
    guard let credentials = try AccessKey(client.access.environment) else {
      return try client.perform(call, place: place, take)  // A public bucket.
    }
    if let token = credentials.sessionToken { call.fields.append("x-amz-security-token: \(token)") }
    let signing = CurlHandle.Signing(
      scheme: "aws:amz:\(region):s3", keyID: credentials.keyID, secret: credentials.secret)
    return try client.perform(call, signing: signing, place: place, take)
  }

  func folders(below path: String) throws(PublishError) -> [String]? {
    var names: [String] = []
    var continuation: String?
    for _ in 0..<Self.pagesMax {
      // In the order of their names, as the signature needs them.
      var query = ["delimiter=%2F", "list-type=2", "prefix=\(escaped(prefix + path))"]
      if let continuation { query.insert("continuation-token=\(escaped(continuation))", at: 0) }
      let page = try page(query.joined(separator: "&"), path)
      names += page.folders.compactMap { folder in
        folder.hasPrefix(prefix + path) ? String(folder.dropFirst((prefix + path).count).dropLast()) : nil
      }
      continuation = page.continuation
      guard continuation != nil else { return names }
    }
    throw PublishError(.fetchFailed, "\(place)/\(path): has more than \(Self.pagesMax * 1000) folders")
  }

  private func page(_ query: String, _ path: String) throws(PublishError) -> BucketPage {
    var call = WebCall(.get, "\(base)?\(query)")
    // S3's own host names end with a slash where a path-style URL ends with the bucket.
    if base.hasSuffix(".amazonaws.com") { call.url = "\(base)/?\(query)" }
    call.bytesMax = Self.listBytes
    var bytes: [UInt8] = []
    let reply = try perform(call, place: "\(place)/\(path)") { (piece: RawSpan) throws(PublishError) in
      piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    guard reply.status == 200 else { throw reply.failure(at: "\(place)/\(path)") }
    return BucketPage(String(decoding: bytes, as: UTF8.self))
  }

  func copyFields(_ model: String, _ source: Int, blob: String) -> [String]? {
    ["x-amz-copy-source: /\(address.bucket)/\(prefix)models/\(model)/\(source)/\(blob)"]
  }

  func markFields(_ wireDigest: String) -> [String] { ["x-amz-meta-wire-sha256: \(wireDigest)"] }
}

/// One page of ListObjectsV2.
struct BucketPage: Equatable {
  let folders: [String]
  /// Nil on the last page.
  let continuation: String?

  /// Looks for the few elements that matter. Keys of ours have no character that XML would escape; others are of no
  /// interest, so entities are left as they are.
  init(_ xml: String) {
    var folders: [String] = []
    var rest = xml[...]
    while let start = rest.firstRange(of: "<CommonPrefixes>"), let end = rest.firstRange(of: "</CommonPrefixes>") {
      guard start.upperBound <= end.lowerBound else { break }
      if let folder = inner(of: String(rest[start.upperBound..<end.lowerBound]), between: "<Prefix>", and: "</Prefix>")
      {
        folders.append(folder)
      }
      rest = rest[end.upperBound...]
    }
    self.folders = folders
    let goesOn = inner(of: xml, between: "<IsTruncated>", and: "<") == "true"
    continuation = goesOn ? inner(of: xml, between: "<NextContinuationToken>", and: "<") : nil
  }
}

/// A value of a query with all but unreserved characters escaped (RFC 3986), as a signature's canonical form has it.
func escaped(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    switch byte {
    case 65...90, 97...122, 48...57, 45, 46, 95, 126: result.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      result += "%" + (digits.count == 1 ? "0" : "") + digits
    }
  }
  return result
}
