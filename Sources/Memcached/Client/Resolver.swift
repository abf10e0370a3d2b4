internal import Reactor

/// Turns a node's host into an address. Literals and socket paths at once; names on a thread of their own, because the
/// system's resolver blocks for as long as DNS takes, and again for every attempt, because a name may move.
final class Resolver {
  typealias Answer = (Result<SocketAddress, LoopError>) -> Void

  private struct Resolved: Sendable {
    let request: Int
    let result: Result<SocketAddress, LoopError>
  }

  private var mailbox: Mailbox<Resolved>!
  private var waiting: [Int: Answer] = [:]
  private var requests = 0

  init(_ loop: EventLoop) {
    mailbox = Mailbox(loop) { [unowned self] resolved in
      waiting.removeValue(forKey: resolved.request)?(resolved.result)
    }
  }

  /// Answers on the loop's thread, for literals before this returns.
  func resolve(_ node: NodeAddress, _ answer: @escaping Answer) {
    let (host, port) = (Self.withoutBrackets(node.host), UInt16(node.port))
    do throws(LoopError) {
      if node.isUnixSocket { return answer(.success(try SocketAddress(unixPath: node.host))) }
      if let literal = SocketAddress(literal: host, port: port) { return answer(.success(literal)) }
    } catch {
      return answer(.failure(error))
    }
    requests += 1
    let request = requests
    waiting[request] = answer
    let mailbox = mailbox!
    _ = LoopThread.spawn(name: "resolve") {
      let result: Result<SocketAddress, LoopError>
      do throws(LoopError) {
        result = .success(try SocketAddress.resolve(host: host, port: port))
      } catch {
        result = .failure(error)
      }
      mailbox.post(Resolved(request: request, result: result))
    }
  }

  static func withoutBrackets(_ host: String) -> String {
    host.first == "[" && host.last == "]" ? String(host.dropFirst().dropLast()) : host
  }
}
