internal import Bytes
internal import FoundationEssentials

/// The admin listener of one gateway, as a publisher uses it. Blocks; one thread at a time.
public struct FleetNode: Sendable {
  private static let answerBytes = 1 << 20
  /// A node's own limit is five minutes; proxies between may have less patience.
  private static let pollSeconds = 20

  public let address: WebAddress
  private let client: WebClient

  /// - Parameter tokenFile: with the bearer token that admin calls must carry.
  public init(_ address: WebAddress, tokenFile: String?) {
    self.address = address
    var access = RepositoryAccess()
    access.tokenFile = tokenFile
    access.requestTimeoutMilliseconds = (Self.pollSeconds + 10) * 1000
    client = WebClient(access)
  }

  /// Has the node look at its repository now. One that cannot be told finds the version at its next look: the answer
  /// says why it could not, and is nil for one that was told.
  @discardableResult
  public func announce(_ version: ModelIdentity, at place: String) -> FleetWait.Standing? {
    let path = "models/\(version.name)/versions"
    let uri = "\(place)/models/\(version.name)/\(version.version)/manifest.json"
    var call = WebCall(.post, "\(address)/admin/v1/\(path)")
    let body = try? JSONEncoder().encode(["uri": uri])
    call.upload = Upload(Array(body ?? Data()))
    call.fields = ["Content-Type: application/json"]
    do throws(PublishError) {
      let (reply, body) = try perform(call)
      return reply.isSuccess ? nil : Self.standing(reply.status, body, of: version)
    } catch { return error.cause == .notAllowed ? .notAllowed : .silent(error.detail) }
  }

  /// Where the version stands there; returns when it has come to `wanted`, when it never will, or after some seconds.
  public func standing(of version: ModelIdentity, waitingFor wanted: ModelState, seconds: Int) -> FleetWait.Standing {
    let wait = "?wait=\(wanted.rawValue)&timeout=\(min(max(1, seconds), Self.pollSeconds))s"
    let url = "\(address)/admin/v1/models/\(version.name)/versions/\(version.version)"
    do throws(PublishError) {
      let (reply, body) = try perform(WebCall(.get, url + wait))
      return Self.standing(reply.status, body, of: version)
    } catch { return error.cause == .notAllowed ? .notAllowed : .silent(error.detail) }
  }

  /// What an answer says.
  static func standing(_ status: Int, _ body: [UInt8], of version: ModelIdentity) -> FleetWait.Standing {
    struct Answer: Decodable {
      let digest: String?
      let state: ModelState
      let reason: String?
      let detail: String?
      let progress: Double?
    }
    switch status {
    case 401, 403: return .notAllowed
    case 404: return .unaware
    case 200:
      guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else {
        return .silent("its answer is no version's state")
      }
      // The number belongs to another build there, which the node has still to replace.
      guard answer.digest == nil || answer.digest == version.digest.description else { return .unaware }
      return .standing(
        answer.state, reason: answer.reason.flatMap { RejectReason(rawValue: $0) }, detail: answer.detail ?? "",
        progress: answer.progress ?? 0)
    default: return .silent("it answers \(status)")
    }
  }

  private func perform(_ call: WebCall) throws(PublishError) -> (WebReply, [UInt8]) {
    var call = call
    call.bytesMax = Self.answerBytes
    if let file = client.access.tokenFile { call.fields.append("Authorization: Bearer \(try secret(inFile: file))") }
    var bytes: [UInt8] = []
    let reply = try client.perform(call, place: "\(address)") { (piece: RawSpan) throws(PublishError) in
      piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    return (reply, bytes)
  }
}
