import Logging
import Reactor

/// The side of a take-over that serves: hands its listening sockets to a successor, and goes when that one accepts.
///
/// Until then nothing changes here: both processes hold the same sockets, and only this one accepts. A successor that
/// fails, dies or says nonsense before it is ready leaves no trace.
final class Succession {
  /// Callers that have not said yet what they want; the oldest goes for a newer one.
  static let callersMax = 4

  private final class Caller {
    let channel: DescriptorChannel
    var watch: DescriptorWatch?
    var isReady = false
    init(_ channel: DescriptorChannel) { self.channel = channel }
  }

  private let log = Logger(label: "succession")
  private let loop: EventLoop
  private var door: DescriptorDoor?
  private var callers: [Caller] = []
  /// Who has our sockets and is getting ready.
  private var successor: Caller?
  /// What is handed over, with the descriptors in order; nil when this process is ending.
  private let offer: () -> (sockets: [(HandoverMessage.Socket, Int32)], isReady: Bool)?
  /// Calls back when nothing is under way that the successor must read.
  private let settle: (@escaping () -> Void) -> Void
  /// The successor with this process id accepts.
  private let taken: (Int32) -> Void

  /// Where a gateway with this data folder waits for its successor. The folder is what two processes of one node have
  /// in common; ports may change between them.
  static func path(dataDirectory: String) -> String { dataDirectory + "/takeover.sock" }

  init(
    loop: EventLoop, path: String, offer: @escaping () -> (sockets: [(HandoverMessage.Socket, Int32)], isReady: Bool)?,
    settle: @escaping (@escaping () -> Void) -> Void, taken: @escaping (Int32) -> Void
  ) throws(LoopError) {
    self.loop = loop
    self.offer = offer
    self.settle = settle
    self.taken = taken
    door = try DescriptorDoor(loop: loop, path: path) { [unowned self] in called($0) }
  }

  /// Whether another process has the sockets: what is done to them here is done to its, too.
  var hasHandedOut: Bool { successor != nil || isTaken }
  private var isTaken = false
  /// The successor accepts and is about to be told that this process no longer does.
  var isLeaving: Bool { successor?.isReady == true }

  /// No further successor.
  func close() {
    door?.close()
    door = nil
    callers = []
  }

  private func called(_ channel: DescriptorChannel) {
    let caller = Caller(channel)
    do throws(LoopError) {
      caller.watch = try channel.watch(on: loop) { [unowned self, unowned caller] in heard(caller) }
    } catch { return log.warning("a caller could not be heard", metadata: ["reason": "\(error)"]) }
    if callers.count == Succession.callersMax { callers.removeFirst() }
    callers.append(caller)
  }

  private func heard(_ caller: Caller) {
    let message: DescriptorChannel.Message
    do throws(LoopError) {
      guard let next = try caller.channel.receive() else { return }
      message = next
    } catch { return ended(caller) }
    switch HandoverMessage(message.text) {
    case .take where caller !== successor: give(to: caller)
    case .ready where caller === successor:
      caller.isReady = true
      settle { [weak self, weak caller] in
        guard let self, let caller, caller === successor else { return }
        leave(to: caller)
      }
    default:
      log.warning("nonsense at the take-over socket", metadata: ["bytes": "\(message.text.utf8.count)"])
      refuse(caller, "this was not understood; both processes must be needletail")
    }
  }

  private func give(to caller: Caller) {
    guard let offer = offer() else { return refuse(caller, "this gateway is ending") }
    guard successor == nil else { return refuse(caller, "another process is already taking over") }
    let processID = caller.channel.peer?.processID ?? 0
    do throws(LoopError) {
      var rest = offer.sockets[...]
      repeat {
        let batch = rest.prefix(DescriptorChannel.descriptorsMax)
        rest = rest.dropFirst(batch.count)
        let message = HandoverMessage.sockets(batch.map(\.0), isReady: offer.isReady, isLast: rest.isEmpty)
        try caller.channel.send(message.text, descriptors: batch.map(\.1))
      } while !rest.isEmpty
    } catch {
      log.warning("the sockets could not be handed over", metadata: ["reason": "\(error)"])
      return forget(caller)
    }
    successor = caller
    callers.removeAll { $0 === caller }
    log.notice(
      "a successor has the listening sockets; this process serves until it is ready",
      metadata: ["process": "\(processID)", "sockets": "\(offer.sockets.count)"])
  }

  private func leave(to caller: Caller) {
    let processID = caller.channel.peer?.processID ?? 0
    log.notice("the successor is ready", metadata: ["process": "\(processID)"])
    isTaken = true
    // In the kernel's queue when this process ends: the successor reads it nevertheless.
    try? caller.channel.send(HandoverMessage.taken.text)
    taken(processID)
  }

  private func ended(_ caller: Caller) {
    if caller === successor && !isTaken {
      log.error("the successor ended before it was ready; this process goes on serving")
    }
    forget(caller)
  }

  private func refuse(_ caller: Caller, _ reason: String) {
    try? caller.channel.send(HandoverMessage.refused(reason).text)
    if caller === successor { log.error("the successor said nonsense; this process goes on serving") }
    forget(caller)
  }

  private func forget(_ caller: Caller) {
    caller.watch = nil
    callers.removeAll { $0 === caller }
    if caller === successor { successor = nil }
  }
}
