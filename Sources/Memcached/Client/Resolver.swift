internal import Reactor

/// Turns a node's host into an address and calls `answer` on the loop's thread: for literals and socket paths before
/// this returns, for names later. Names are resolved on a thread of their own, because the system's resolver blocks for
/// as long as DNS takes, and anew for every attempt, because a name may move.
func resolve(
  _ node: NodeAddress, on loop: EventLoop, _ answer: @escaping (Result<SocketAddress, LoopError>) -> Void
) {
  let (host, port) = (withoutBrackets(node.host), UInt16(node.port))
  do throws(LoopError) {
    if node.isUnixSocket { return answer(.success(try SocketAddress(unixPath: node.host))) }
    if let literal = SocketAddress(literal: host, port: port) { return answer(.success(literal)) }
    // One mailbox a question: it closes itself when the thread lets it go.
    let mailbox = try Mailbox<Result<SocketAddress, LoopError>>(loop: loop, deliver: answer)
    _ = try LoopThread.spawn(name: "mc-resolve") {
      do throws(LoopError) {
        mailbox.post(.success(try SocketAddress.resolve(host: host, port: port)))
      } catch {
        mailbox.post(.failure(error))
      }
    }
  } catch {
    answer(.failure(error))
  }
}

/// The ring hashes `[::1]` as it is written; the kernel wants `::1`.
private func withoutBrackets(_ host: String) -> String {
  host.first == "[" && host.last == "]" ? String(host.dropFirst().dropLast()) : host
}
