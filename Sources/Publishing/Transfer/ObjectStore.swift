/// A store of objects by path, over HTTP: what a web server and a bucket have in common.
protocol ObjectStore: Sendable {
  /// For people; the paths of objects go behind it.
  var place: String { get }

  /// The URL of an object, from its path in the repository.
  func url(_ path: String) -> String

  /// Makes one call, authenticated as this store wants it, and says what came back, whatever its status.
  func perform(
    _ call: WebCall, place: String, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply

  /// What one PUT may bring.
  var objectBytesMax: Int { get }

  /// The folders below a path that ends with a slash; nil for a store that does not tell.
  func folders(below path: String) throws(PublishError) -> [String]?

  /// What a PUT without a body says to have an object copied from another version's; nil where the store has none of it.
  func copyFields(_ model: String, _ source: Int, blob: String) -> [String]?

  /// Fields that tell a blob's wire digest, for a later HEAD to find.
  func markFields(_ wireDigest: String) -> [String]
}

extension ObjectStore {
  var objectBytesMax: Int { .max }

  func perform(_ call: WebCall, path: String) throws(PublishError) -> WebReply {
    try perform(call, place: "\(place)/\(path)") { (_: RawSpan) throws(PublishError) in }
  }

  /// A small file and its entity tag; nil when it is not there.
  ///
  /// - Parameter known: what was read before: asked for only if it has changed since.
  func file(_ path: String, bytesMax: Int, known: StoredFile? = nil) throws(PublishError) -> StoredFile? {
    var call = WebCall(.get, url(path))
    call.bytesMax = bytesMax
    if let tag = known?.tag { call.fields.append("If-None-Match: \(tag)") }
    var bytes: [UInt8] = []
    let reply = try withSmallFile {
      () throws(PublishError) in
      try perform(call, place: "\(place)/\(path)") { (piece: RawSpan) throws(PublishError) in
        piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
      }
    }
    switch reply.status {
    case 200: return StoredFile(bytes: bytes, tag: reply.entityTag)
    case 304 where known?.tag != nil: return known
    case 404, 410: return nil
    default: throw reply.failure(at: "\(place)/\(path)")
    }
  }

  /// Too much of a small file is no digest that does not hold: there is none to hold.
  private func withSmallFile(_ body: () throws(PublishError) -> WebReply) throws(PublishError) -> WebReply {
    do throws(PublishError) { return try body() } catch {
      throw error.reason == .digestMismatch ? PublishError(.manifestInvalid, error.detail) : error
    }
  }
}

/// A small file of a store.
struct StoredFile: Sendable, Equatable {
  let bytes: [UInt8]
  /// As the server wrote it; nil when it writes none.
  let tag: String?
}

extension WebReply {
  /// What an answer that is of no use means.
  func failure(at place: String) -> PublishError {
    let words = complaintSentence
    let (sentence, cause): (String, PublishError.Cause?) =
      switch status {
      case 404, 410: ("is not there", nil)
      case 401: ("the server refuses these credentials (401)", .notAllowed)
      case 403:
        (
          "the server refuses these credentials (403; a bucket also answers this for what is not there, unless s3:ListBucket is allowed)",
          .notAllowed
        )
      case 300..<400:
        (
          "the server sends elsewhere (\(status), \(fields["location"]?.prefix(200) ?? "nowhere")), which is not followed",
          nil
        )
      case 408, 425, 429, 500, 502, 503, 504: ("the server is not able to answer now (\(status))", .interrupted)
      case 507: ("the server has no room (507)", .cannotWrite)
      default: ("the server answers \(status)", nil)
      }
    return PublishError(.fetchFailed, "\(place): \(sentence)\(words)", cause: cause)
  }

  /// The `detail` of a problem (RFC 9457), or the message of an S3 error; empty when there is neither.
  var complaintSentence: String {
    let text = String(decoding: complaint, as: UTF8.self)
    let found = inner(of: text, between: "\"detail\":\"", and: "\"") ?? inner(of: text, between: "<Message>", and: "<")
    guard let found, !found.isEmpty else { return "" }
    // For a log: of what a stranger writes, only what cannot be taken for something else.
    return ": " + String(found.prefix(300).map { $0.isNewline || $0.asciiValue.map { $0 < 32 } == true ? " " : $0 })
  }
}

/// The text between two others, from the first place where the first stands.
func inner(of text: String, between start: String, and end: String) -> String? {
  guard let head = text.firstRange(of: start), let tail = text[head.upperBound...].firstRange(of: end) else {
    return nil
  }
  return String(text[head.upperBound..<tail.lowerBound])
}
