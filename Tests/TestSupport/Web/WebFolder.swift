internal import FoundationEssentials

/// A folder behind HTTP, as a plain server with PUT shows one: entity tags, ranges, conditions. A test may answer some
/// requests itself.
public final class WebFolder {
  public typealias Answer = @Sendable (WebPeer.Request, _ honestly: () -> WebPeer.Reply) -> WebPeer.Reply

  public let path: String
  private let peer: WebPeer
  public var url: String { peer.url }
  public var requests: Int { peer.requests }

  public init(_ path: String, _ answer: @escaping Answer = { _, honestly in honestly() }) {
    self.path = path
    peer = WebPeer { request in answer(request) { WebFolder.answer(request, in: path) } }
  }

  /// What an honest server says.
  public static func answer(_ request: WebPeer.Request, in folder: String) -> WebPeer.Reply {
    let parts = request.path.split(separator: "/")
    guard !parts.contains(where: { $0.hasPrefix(".") }) else { return WebPeer.Reply(400, "no") }
    let file = folder + "/" + parts.joined(separator: "/")
    let present = try? Data(contentsOf: URL(filePath: file))
    let tag = present.map { WebFolder.tag($0) }
    switch request.method {
    case "GET", "HEAD": return read(present.map { Array($0) }, tag, request)
    case "PUT":
      if request.field("if-none-match") == "*" && present != nil { return WebPeer.Reply(412) }
      if let wanted = request.field("if-match"), wanted != tag { return WebPeer.Reply(412) }
      let parent = URL(filePath: file).deletingLastPathComponent().path
      try? FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
      try? Data(request.body).write(to: URL(filePath: file), options: .atomic)
      return WebPeer.Reply(present == nil ? 201 : 204)
    default: return WebPeer.Reply(405)
    }
  }

  private static func read(_ bytes: [UInt8]?, _ tag: String?, _ request: WebPeer.Request) -> WebPeer.Reply {
    guard let bytes, let tag else { return WebPeer.Reply(404, "nothing there") }
    if request.field("if-none-match") == tag { return WebPeer.Reply(304, [], ["ETag: \(tag)"]) }
    guard let range = request.field("range"), range.hasPrefix("bytes="), range.hasSuffix("-"),
      let start = Int(range.dropFirst(6).dropLast())
    else { return WebPeer.Reply(200, bytes, ["ETag: \(tag)"]) }
    guard start < bytes.count else { return WebPeer.Reply(416, [], ["Content-Range: bytes */\(bytes.count)"]) }
    return WebPeer.Reply(
      206, Array(bytes[start...]), ["ETag: \(tag)", "Content-Range: bytes \(start)-\(bytes.count - 1)/\(bytes.count)"])
  }

  private static func tag(_ data: Data) -> String {
    "\"\(ReferenceSHA256.hex(ReferenceSHA256.digest(Array(data))).prefix(32))\""
  }
}
