internal import FoundationEssentials
internal import Synchronization

/// A stand-in for an S3-compatible store: one bucket in a folder, path style, every signature checked. GET with ranges and
/// conditions, HEAD, PUT with conditions, copies and metadata, ListObjectsV2.
public final class BucketPeer {
  public let bucket: String
  private let peer: WebPeer
  private let log: Log

  private final class Log: Sendable {
    let refusals = Mutex<[String]>([])
    let calls = Mutex<[String]>([])
    let marks = Mutex<[String: String]>([:])
  }

  public var url: String { peer.url }
  /// Why calls were refused.
  public var refusals: [String] { log.refusals.withLock { $0 } }
  /// `GET /bucket/key`, in order; copies as COPY.
  public var calls: [String] { log.calls.withLock { $0 } }

  /// - Parameter pageMax: folders on a page of a listing.
  public init(_ folder: String, bucket: String, _ signature: SignatureV4, sessionToken: String? = nil, pageMax: Int = 2)
  {
    self.bucket = bucket
    let log = Log()
    self.log = log
    peer = WebPeer { request in
      var complaint = signature.complaint(about: request)
      if complaint == nil, request.field("x-amz-security-token") != sessionToken { complaint = "InvalidToken" }
      if let complaint {
        log.refusals.withLock { $0.append(complaint) }
        return WebPeer.Reply(403, "<Error><Code>AccessDenied</Code><Message>\(complaint)</Message></Error>")
      }
      guard request.path.hasPrefix("/\(bucket)") else { return WebPeer.Reply(404, "<Error/>") }
      let isCopy = request.field("x-amz-copy-source") != nil
      log.calls.withLock { $0.append("\(isCopy ? "COPY" : request.method) \(request.target)") }
      if request.method == "GET", request.query.contains("list-type=2") {
        return BucketPeer.list(folder, request, pageMax: pageMax)
      }
      return BucketPeer.object(folder, bucket, request, log)
    }
  }

  private static func object(
    _ folder: String, _ bucket: String, _ request: WebPeer.Request, _ log: Log
  ) -> WebPeer.Reply {
    let key = String(request.path.dropFirst(bucket.count + 2))
    func asked(for key: String, body: [UInt8]) -> WebPeer.Request {
      WebPeer.Request(method: request.method, target: "/" + key, fields: request.fields, body: body)
    }
    if request.method == "PUT", let source = request.field("x-amz-copy-source") {
      let from = String(source.drop { $0 == "/" }.dropFirst(bucket.count + 1))
      guard let bytes = try? Data(contentsOf: URL(filePath: folder + "/" + from)) else {
        return WebPeer.Reply(404, "<Error><Code>NoSuchKey</Code></Error>")
      }
      log.marks.withLock { $0[key] = $0[from] }
      var reply = WebFolder.answer(asked(for: key, body: Array(bytes)), in: folder)
      if reply.status < 300 { reply = WebPeer.Reply(200, "<CopyObjectResult></CopyObjectResult>") }
      return reply
    }
    var reply = WebFolder.answer(asked(for: key, body: request.body), in: folder)
    if request.method == "PUT", reply.status < 300 {
      log.marks.withLock { $0[key] = request.field("x-amz-meta-wire-sha256") }
      reply.status = 200
    } else if let mark = log.marks.withLock({ $0[key] }) {
      reply.fields.append("x-amz-meta-wire-sha256: \(mark)")
    }
    return reply
  }

  private static func list(_ folder: String, _ request: WebPeer.Request, pageMax: Int) -> WebPeer.Reply {
    var options: [String: String] = [:]
    for option in request.query.split(separator: "&") {
      let sides = option.split(separator: "=", maxSplits: 1).map(String.init)
      options[sides[0]] = (sides.count > 1 ? sides[1] : "").replacingPercents
    }
    let prefix = options["prefix"] ?? ""
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + prefix)) ?? []
    var isDirectory = false
    let folders = names.sorted().filter { name in
      FileManager.default.fileExists(atPath: "\(folder)/\(prefix)\(name)", isDirectory: &isDirectory) && isDirectory
    }
    // A token with characters that a query must escape.
    let start = options["continuation-token"].flatMap { Int($0.dropFirst(2)) } ?? 0
    let page = folders.dropFirst(start).prefix(pageMax)
    let isTruncated = start + page.count < folders.count
    let prefixes = page.map { "<CommonPrefixes><Prefix>\(prefix)\($0)/</Prefix></CommonPrefixes>" }.joined()
    let next = isTruncated ? "<NextContinuationToken>+/\(start + page.count)</NextContinuationToken>" : ""
    return WebPeer.Reply(
      200, "<ListBucketResult><IsTruncated>\(isTruncated)</IsTruncated>\(next)\(prefixes)</ListBucketResult>")
  }
}

extension String {
  fileprivate var replacingPercents: String {
    var bytes: [UInt8] = []
    var rest = self[...]
    while let first = rest.popFirst() {
      if first == "%", let byte = UInt8(rest.prefix(2), radix: 16) {
        bytes.append(byte)
        rest = rest.dropFirst(2)
      } else {
        bytes += Array(String(first).utf8)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
