import Logging
import Reactor

/// The side of a take-over that comes: asks the gateway that serves for its listening sockets, and tells it when to go.
/// `HandoverMessage` shows the conversation, `Succession` is its other side.
final class Takeover {
  /// The predecessor answers from its control loop, which does nothing slow.
  static let answerMilliseconds = 10_000

  struct Socket {
    let role: HandoverMessage.Socket.Role
    let isServiceManagers: Bool
    let address: SocketAddress
    let descriptor: OwnedDescriptor
  }

  private let log = Logger(label: "takeover")
  private let channel: DescriptorChannel
  private var watch: DescriptorWatch?
  private var sockets: [Socket] = []
  /// The predecessor answers with recommendations; then so must its successor before it accepts.
  private(set) var isPredecessorReady = false
  let predecessorID: Int32

  /// Asks whoever serves from this data folder. Nil when nobody does; throws a sentence when it will not give.
  init?(dataDirectory: String) throws(ServerError) {
    let path = Succession.path(dataDirectory: dataDirectory)
    do throws(LoopError) { channel = try DescriptorChannel.connect(toPath: path) } catch {
      // No door, or nobody behind it.
      guard error.name == "ENOENT" || error.name == "ECONNREFUSED" else {
        throw ServerError("the gateway that serves cannot be asked for its sockets: \(error)", .unavailable)
      }
      return nil
    }
    predecessorID = channel.peer?.processID ?? 0
    do throws(LoopError) {
      try channel.send(HandoverMessage.take.text)
      while try receive() {}
    } catch {
      throw ServerError("the gateway that serves (process \(predecessorID)) broke off: \(error)", .unavailable)
    }
    if let refusal { throw ServerError("process \(predecessorID) does not hand over: \(refusal)", .unavailable) }
  }

  /// What was handed over, for the caller to keep: what he does not want closes when the predecessor goes.
  func takeSockets() -> [Socket] {
    defer { sockets = [] }
    return sockets
  }

  private var refusal: String?

  /// Takes one answer; whether more follow.
  private func receive() throws(LoopError) -> Bool {
    guard channel.awaitMessage(milliseconds: Takeover.answerMilliseconds) else {
      refusal = "it has not answered for \(Takeover.answerMilliseconds / 1000) s"
      return false
    }
    guard let message = try channel.receive() else { return true }
    switch HandoverMessage(message.text) {
    case .sockets(let roles, let isReady, let isLast) where roles.count == message.descriptors.count:
      isPredecessorReady = isReady
      for (role, descriptor) in zip(roles, message.descriptors) {
        guard let address = SocketAddress(listeningAt: descriptor) else {
          refusal = "it sent something that is no listening socket"
          return false
        }
        sockets.append(
          Socket(
            role: role.role, isServiceManagers: role.isServiceManagers, address: address, descriptor: descriptor))
      }
      return !isLast
    case .refused(let reason): refusal = reason
    default: refusal = "its answer was not understood"
    }
    return false
  }

  /// Tells the predecessor to go, because every loop here accepts. `taken` is called when it has stopped accepting or
  /// has gone.
  func accept(on loop: EventLoop, taken: @escaping () -> Void) {
    do throws(LoopError) {
      try channel.send(HandoverMessage.ready.text)
      watch = try channel.watch(on: loop) { [unowned self] in
        let message = try? channel.receive()
        watch = nil
        if message.flatMap({ HandoverMessage($0.text) }) != .taken {
          log.warning("the gateway that served ended before it had been told to")
        }
        taken()
      }
    } catch {
      log.warning("the gateway that served is gone", metadata: ["reason": "\(error)"])
      taken()
    }
  }
}
