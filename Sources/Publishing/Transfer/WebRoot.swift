internal import Synchronization

/// The files below a URL of a web server. Reads with GET and HEAD, writes with PUT, under a bearer token if there is one.
struct WebRoot: ObjectStore {
  let address: WebAddress
  private let client: WebClient
  private let identity = ServerIdentity()

  /// Whether the server has said that it is a repository server of ours, which can link a blob of another version.
  private final class ServerIdentity: Sendable {
    let isOurs = Atomic(false)
  }

  init(_ address: WebAddress, _ access: RepositoryAccess) {
    self.address = address
    client = WebClient(access)
  }

  var place: String { address.description }

  func url(_ path: String) -> String { "\(address)/\(path)" }

  func perform(
    _ call: WebCall, place: String, _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply {
    var call = call
    if let file = client.access.tokenFile { call.fields.append("Authorization: Bearer \(try secret(inFile: file))") }
    let reply = try client.perform(call, place: place, take)
    if reply.fields["needletail-repository"] != nil { identity.isOurs.store(true, ordering: .relaxed) }
    return reply
  }

  /// A web server has no way to tell that is not its own.
  func folders(below path: String) -> [String]? { nil }

  /// Only of our own server: any other would take the empty body for the blob.
  func copyFields(_ model: String, _ source: Int, blob: String) -> [String]? {
    identity.isOurs.load(ordering: .relaxed) ? ["Needletail-Copy-From: \(source)"] : nil
  }

  func markFields(_ wireDigest: String) -> [String] { [] }
}
