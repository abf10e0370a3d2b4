internal import Clibuv
internal import Glibc

/// The sole owner of one TCP or unix stream. Dropping it closes the stream.
///
/// Keep it in the object that handles it, and say `start` once that object is complete:
///
///     final class Connection: StreamHandler {
///       let stream: ByteStream
///       init(_ stream: consuming ByteStream) { self.stream = stream }
///       func received(_ bytes: RawSpan) { stream.write(bytes) }
///       func ended(_ end: StreamEnd) {}
///     }
///     let connection = Connection(stream)
///     connection.stream.start(connection)
///
/// Every method may be called inside every callback of the handler.
public struct ByteStream: ~Copyable {
  let slot: StreamSlot

  init(_ slot: StreamSlot) { self.slot = slot }

  deinit { slot.close() }

  /// Connects without blocking. Whatever goes wrong, even at once, is told by `ended(.failed)` on a later turn, so
  /// there is one path for failures. Writes before `connected` are queued.
  public static func connect(loop: EventLoop, to address: SocketAddress) -> ByteStream {
    let slot = StreamSlot(loop.core, address.isUnix ? .unix : .tcp)
    slot.connect(to: address)
    return ByteStream(slot)
  }

  /// A connection that was accepted elsewhere, by an `Acceptor` on another loop. TCP streams come with nodelay set.
  public init(loop: EventLoop, adopting connection: OwnedDescriptor, isUnix: Bool) throws(LoopError) {
    slot = StreamSlot(loop.core, isUnix ? .unix : .tcp)
    do { try slot.adopt(connection.take(), isUnix ? .unix : .tcp) } catch {
      slot.close()
      throw error
    }
  }

  /// Begins to read, and keeps `handler` alive until `ended`. Once a stream, in the turn that made it. If the loop
  /// has already closed the stream, `ended` is called before this returns.
  public func start(_ handler: any StreamHandler) { slot.start(handler) }

  /// Sends `bytes`: the kernel is tried at once, and what it does not take is copied and queued behind what is
  /// already queued. False, and nothing sent, if the stream is closing, failed or finished; `ended` then follows or
  /// has been.
  ///
  /// The queue is not bounded here: watch `queuedBytes`, stop producing, and go on at `drained`.
  @discardableResult
  public func write(_ bytes: RawSpan) -> Bool { slot.write(bytes) }

  /// Output that the kernel has not taken yet.
  public var queuedBytes: Int { slot.queuedBytes }

  /// Output that the kernel has taken and the other side has not acknowledged (SIOCOUTQ, tcp(7)); for a unix socket
  /// what it has not read. A system call.
  public var unacknowledgedBytes: Int {
    guard let descriptor = slot.descriptor else { return 0 }
    var bytes: CInt = 0
    return ioctl(descriptor, UInt(TIOCOUTQ), &bytes) == 0 ? Int(bytes) : 0
  }

  /// Stops receiving: the kernel's buffer fills and the peer has to wait. A peer that goes away is noticed only
  /// after `resumeReading`. Each change of interest is a system call: not for every message.
  public func pauseReading() { slot.pauseReading() }
  public func resumeReading() { slot.resumeReading() }

  /// Sends FIN once the queue is written. Reading goes on; later writes are refused.
  public func finishWriting() { slot.finishWriting() }

  /// Closes now and discards the queue. `ended(.closedHere)` follows in the closing phase of this turn, never inside
  /// this call.
  public func close() { slot.close() }

  /// False from the moment a close has begun, whoever began it.
  public var isOpen: Bool { !slot.isClosing }

  /// The other side; nil once closed or while connecting. An unnamed unix client has an empty path.
  public var peerAddress: SocketAddress? {
    if slot.core.simulation != nil { return slot.isClosing ? nil : slot.handle.simulatedStream.endpoint?.remoteAddress }
    guard let descriptor = slot.descriptor else { return nil }
    return SocketAddress(of: descriptor, asking: getpeername)
  }

  /// Closes with a reset instead of a farewell, on a simulated loop: what a process does that is killed with its
  /// input unread.
  package func resetSimulated() {
    guard isOpen, slot.core.simulation != nil else { return }
    slot.handle.simulatedStream.reset()
    slot.close()
  }

  /// Ends the connection (ETIMEDOUT) when sent data stays unacknowledged for this long: how a black hole is noticed
  /// while output waits (TCP_USER_TIMEOUT, tcp(7)). TCP only; 0 restores the system's default.
  public func setUserTimeout(milliseconds: UInt32) {
    guard let descriptor = slot.descriptor else { return }
    var value = milliseconds
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, socklen_t(MemoryLayout<UInt32>.size))
  }
}
