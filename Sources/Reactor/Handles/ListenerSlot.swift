internal import Clibuv
internal import Glibc

/// One listening `uv_tcp_t` or `uv_pipe_t`.
final class ListenerSlot: HandleSlot {
  private let transport: StreamSlot.Transport
  private var onAccept: ((consuming ByteStream) -> Void)?
  private(set) var failedAccepts = 0
  private var isPaused = false
  /// libuv has accepted one more connection and holds it for us.
  private var isOneWaiting = false

  /// Takes over a bound descriptor, whether this succeeds or not.
  init(
    _ core: LoopCore, adopting descriptor: Int32, at address: SocketAddress, backlog: Int32,
    onAccept: @escaping (consuming ByteStream) -> Void
  ) throws(LoopError) {
    transport = address.isUnix ? .unix : .tcp
    self.onAccept = onAccept
    super.init(core, address.isUnix ? UV_NAMED_PIPE : UV_TCP)
    guard !core.isStopping else {
      Glibc.close(descriptor)
      throw LoopError(code: ECANCELED, while: "listening on", address: address)
    }
    // Neither can fail without a socket (src/unix/tcp.c, pipe.c).
    try! open(while: "making a listener") { loop in
      switch transport {
      case .tcp: core.uv.tcpInit(loop, raw.assumingMemoryBound(to: uv_tcp_t.self))
      case .unix: core.uv.pipeInit(loop, raw.assumingMemoryBound(to: uv_pipe_t.self), 0)
      }
    }
    var status: CInt
    switch transport {
    case .tcp: status = core.uv.tcpOpen(raw.assumingMemoryBound(to: uv_tcp_t.self), descriptor)
    case .unix: status = core.uv.pipeOpen(raw.assumingMemoryBound(to: uv_pipe_t.self), descriptor)
    }
    guard status == 0 else {
      Glibc.close(descriptor)
      close()
      throw LoopError(status: status, while: "listening on", address: address)
    }
    status = core.uv.listen(stream, backlog, connectionArrived)
    guard status == 0 else {
      close()
      throw LoopError(status: status, while: "listening on", address: address)
    }
  }

  var stream: UnsafeMutablePointer<uv_stream_t> { raw.assumingMemoryBound(to: uv_stream_t.self) }

  override func letGo() { onAccept = nil }

  fileprivate func arrived(_ status: CInt) {
    core.noteEvent()
    // EMFILE and the like. libuv has already shed the connection by its reserve descriptor where it could.
    guard status == 0 else {
      failedAccepts += 1
      return
    }
    // A callback that does not take its connection stops the listener until somebody does (uv__server_io).
    if isPaused { isOneWaiting = true } else { take() }
  }

  func pause() { isPaused = true }

  func resume() {
    isPaused = false
    guard isOneWaiting, !isClosing else { return }
    isOneWaiting = false
    take()
  }

  private func take() {
    let slot = StreamSlot(core, transport)
    let stream = ByteStream(slot)
    guard slot.accept(from: self.stream), let onAccept else {
      failedAccepts += 1
      return  // Dropped, hence closed.
    }
    onAccept(stream)
  }
}

private func connectionArrived(_ stream: UnsafeMutablePointer<uv_stream_t>?, _ status: CInt) {
  UnsafeMutableRawPointer(stream!).assumingMemoryBound(to: uv_handle_t.self)
    .withSlot(ListenerSlot.self) { $0.arrived(status) }
}
