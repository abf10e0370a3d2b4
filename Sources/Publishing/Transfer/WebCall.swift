internal import Bytes

/// One HTTP request, as a repository makes it.
struct WebCall {
  enum Method: String { case get = "GET", head = "HEAD", put = "PUT", post = "POST" }

  var method = Method.get
  var url: String
  /// Such as `If-None-Match: "x"`.
  var fields: [String] = []
  /// Of a GET: where to go on.
  var fromByte = 0
  /// Bytes of content, from the start of the file, that are taken at most.
  var bytesMax = 0
  var upload: Upload?
  /// A transfer whose length nobody knows beforehand: the low-speed limit holds in place of the request's time.
  var isBulk = false

  init(_ method: Method, _ url: String) {
    self.method = method
    self.url = url
  }
}

/// The body of a PUT or POST: bytes in memory, or a file whose bytes are read while they are sent.
final class Upload {
  enum Source {
    case bytes([UInt8])
    case file(SpoolFile)
  }

  let source: Source
  /// Of the bytes.
  let digest: SHA256Digest
  private var sent = 0

  init(_ bytes: [UInt8]) {
    source = .bytes(bytes)
    digest = SHA256.digest(bytes.span.bytes)
  }

  init(_ file: SpoolFile, digest: SHA256Digest) {
    source = .file(file)
    self.digest = digest
  }

  var byteCount: Int {
    switch source {
    case .bytes(let bytes): bytes.count
    case .file(let file): file.byteCount
    }
  }

  /// Starts anew: for another try, or because a connection turned out to be dead.
  func rewind(to byte: Int = 0) { sent = byte }

  /// Copies the next bytes into `room` and says how many; 0 at the end, nil when they cannot be read.
  func read(into room: UnsafeMutableRawBufferPointer) -> Int? {
    let count = min(room.count, byteCount - sent)
    guard count > 0 else { return 0 }
    switch source {
    case .bytes(let bytes):
      bytes.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<sent + count])) }
      sent += count
      return count
    case .file(let file):
      guard let got = file.read(at: sent, into: UnsafeMutableRawBufferPointer(rebasing: room[..<count])) else {
        return nil
      }
      sent += got
      return got
    }
  }
}

/// What came back, without the content that was handed on.
struct WebReply {
  var status = 0
  /// By lower-case names; of two fields of one name the last.
  var fields: [String: String] = [:]
  /// Of an answer that is no content that was asked for: its beginning, for a sentence.
  var complaint: [UInt8] = []

  var entityTag: String? { fields["etag"] }
  var contentLength: Int? { fields["content-length"].flatMap { Int($0) } }
  var isSuccess: Bool { (200..<300).contains(status) }
}
