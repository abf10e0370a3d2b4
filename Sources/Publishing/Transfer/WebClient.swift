internal import Synchronization

/// Makes calls for one repository and keeps its connections open between them. Any thread may call; each call has a
/// handle for itself.
final class WebClient: Sendable {
  /// A thread that pulls and one that moves an alias.
  private static let idleMax = 2
  /// A server that moved a folder needs one; more are a maze.
  static let redirectsMax = 3

  let access: RepositoryAccess
  private let idle = Mutex<[Idle]>([])

  /// On its way from one thread to another, and used by neither.
  private struct Idle: @unchecked Sendable { let handle: CurlHandle }

  init(_ access: RepositoryAccess) { self.access = access }

  /// Makes a call. Reads are sent on within their own origin; to any other they are not: a repository is where it was
  /// said to be, and neither a token nor a signature is shown to a stranger.
  func perform(
    _ call: WebCall, signing: CurlHandle.Signing? = nil, place: String,
    _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply {
    let handle = idle.withLock { $0.popLast() }?.handle ?? CurlHandle()
    defer {
      let back = Idle(handle: handle)
      idle.withLock { if $0.count < Self.idleMax { $0.append(back) } }
    }
    var call = call
    for _ in 0..<Self.redirectsMax {
      let reply = try handle.perform(call, access, signing: signing, place: place, take)
      guard (300..<400).contains(reply.status), reply.status != 304, call.upload == nil,
        let target = handle.redirectTarget
      else { return reply }
      guard origin(of: target) == origin(of: call.url) else {
        throw PublishError(
          .fetchFailed,
          "\(place): redirects to \(origin(of: target) ?? "nowhere"), which is not followed; if that is the repository, name it"
        )
      }
      call.url = target
    }
    throw PublishError(.fetchFailed, "\(place): redirects more than \(Self.redirectsMax) times")
  }
}

/// `https://host:port` of a URL.
func origin(of url: String) -> String? {
  guard let separator = url.firstRange(of: "://") else { return nil }
  let rest = url[separator.upperBound...]
  return url[..<separator.upperBound].lowercased() + rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
}
