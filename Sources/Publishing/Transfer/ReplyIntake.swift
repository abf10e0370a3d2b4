/// Takes an answer in as it comes, line by line and piece by piece, and stops it as soon as it is not what was asked for.
/// Knows no socket and no library.
struct ReplyIntake {
  /// A problem's sentence, and no more of what a stranger sends.
  static let complaintBytes = 2048
  /// Beyond this no field is kept.
  static let fieldsMax = 64
  static let fieldBytesMax = 4096

  /// Whether content is what the call is about; else it is a word about it.
  private let takesContent: Bool
  private let fromByte: Int
  private let bytesMax: Int
  private let place: String
  private(set) var reply = WebReply()
  /// The next byte of the file that a piece begins with; nil before the first.
  private var position: Int?

  init(_ call: WebCall, place: String) {
    (fromByte, bytesMax, self.place) = (call.fromByte, call.bytesMax, place)
    takesContent = call.method == .get
  }

  /// One line of the head. An interim answer, or one that was sent before a connection was tried again, is forgotten when
  /// the next status line comes.
  mutating func head(_ line: String) {
    if line.hasPrefix("HTTP/") {
      reply = WebReply()
      position = nil
      reply.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    } else if let colon = line.firstIndex(of: ":"), reply.fields.count < Self.fieldsMax,
      line.utf8.count <= Self.fieldBytesMax
    {
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      reply.fields[line[..<colon].lowercased()] = String(value.prefix { !$0.isNewline })
    }
  }

  /// Some content. `take` gets what of it was asked for.
  mutating func content(
    _ piece: RawSpan, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) {
    guard isContent else { return keep(piece) }
    let start = if let position { position } else { try begin() }
    let end = start + piece.byteCount
    position = end
    guard end <= bytesMax else { throw tooLong("goes on after") }
    // A server that knows no ranges sends all of it again; what is here already is passed over.
    let known = min(max(0, fromByte - start), piece.byteCount)
    if known < piece.byteCount { try take(piece.extracting(known..<piece.byteCount)) }
  }

  /// Whether all that was announced has come. To be called when the answer ended.
  mutating func finish() throws(PublishError) {
    guard isContent, position == nil else { return }
    _ = try begin()
  }

  private var isContent: Bool { takesContent && (reply.status == 200 || reply.status == 206) }

  /// The byte that the content begins with.
  private func begin() throws(PublishError) -> Int {
    var start = 0
    if reply.status == 206 {
      // `bytes 500-999/1000` (RFC 9110, 14.4).
      let range = reply.fields["content-range"] ?? ""
      guard range.hasPrefix("bytes \(fromByte)-") else {
        throw PublishError(
          .fetchFailed, "\(place): asked for bytes from \(fromByte) on, the server sent \"\(range.prefix(64))\"")
      }
      start = fromByte
    }
    if let length = reply.contentLength, length > bytesMax - start { throw tooLong("announces \(length) bytes after") }
    return start
  }

  private func tooLong(_ what: String) -> PublishError {
    PublishError(.digestMismatch, "\(place): \(what) the \(bytesMax) bytes that it may have")
  }

  private mutating func keep(_ piece: RawSpan) {
    let room = Self.complaintBytes - reply.complaint.count
    guard room > 0 else { return }
    piece.extracting(0..<min(room, piece.byteCount)).withUnsafeBytes { reply.complaint.append(contentsOf: $0) }
  }
}
