internal import Clibuv
internal import Glibc

/// Ties a handler to a stream from `start` to `ended`. The reference is a constant of an object that the slot holds
/// by hand, so a read borrows it: no count moves per event.
private final class Attachment {
  let handler: any StreamHandler
  init(_ handler: any StreamHandler) { self.handler = handler }
}

/// One `uv_tcp_t` or `uv_pipe_t`: its handler, its output queue, and which directions are open.
///
/// `ended` is called by the close callback and nowhere else: libuv calls that once, after every other callback of
/// the handle, so "exactly once, and last" needs no bookkeeping.
final class StreamSlot: HandleSlot {
  enum Transport { case tcp, unix }

  private var attachment: Unmanaged<Attachment>?
  private var end = StreamEnd.closedHere
  private var hasEnded = false
  /// A failure met before there was a handler to tell.
  private var failureBeforeStart: LoopError?

  private var isConnected = false
  /// Connected before `start`: the handler has still to hear of it.
  private var isConnectionUntold = false
  private var isReading = false
  private var isPaused = false
  private var hasInputEnded = false
  private var isFinishing = false
  private var isFinished = false

  /// What waits behind the write in flight. One `uv_write` at a time: 1.44.2 ends one request per POLLOUT and never
  /// merges requests, so whatever gathers meanwhile leaves as one.
  private var waiting = OutputQueue()
  private var inFlight = OutputQueue()
  private var isWriting = false
  /// Whether anything waits or is in flight: one flag that a write looks at, for both queues.
  private var isQueueing = false
  private var writeRequest: UnsafeMutablePointer<uv_write_t>?
  /// Of the connect or the shutdown, which never overlap.
  private var controlRequest: UnsafeMutableRawPointer?

  init(_ core: LoopCore, _ transport: Transport) {
    super.init(core, transport == .tcp ? UV_TCP : UV_NAMED_PIPE)
    // Neither can fail without a socket (src/unix/tcp.c, pipe.c).
    try! open(while: "making a stream") { loop in
      switch transport {
      case .tcp: core.uv.tcpInit(loop, raw.assumingMemoryBound(to: uv_tcp_t.self))
      case .unix: core.uv.pipeInit(loop, raw.assumingMemoryBound(to: uv_pipe_t.self), 0)
      }
    }
    // Remembered by the handle and set once it has a socket: small answers must not wait for acknowledgements.
    if transport == .tcp { _ = core.uv.tcpNoDelay(raw.assumingMemoryBound(to: uv_tcp_t.self), 1) }
  }

  deinit {
    // Requests are answered, with ECANCELED if need be, before the close callback: nobody writes here any more.
    writeRequest?.deallocate()
    controlRequest?.deallocate()
  }

  var stream: UnsafeMutablePointer<uv_stream_t> { raw.assumingMemoryBound(to: uv_stream_t.self) }

  // MARK: Beginning

  func start(_ handler: any StreamHandler) {
    precondition(attachment == nil, "a stream was started twice")
    guard !hasEnded else { return handler.ended(end) }
    attachment = .passRetained(Attachment(handler))
    if let failureBeforeStart {
      fail(failureBeforeStart)
    } else if isConnectionUntold {
      tellConnected()
    } else {
      read()
    }
  }

  func accept(from listener: UnsafeMutablePointer<uv_stream_t>) -> Bool {
    isConnected = core.uv.accept(listener, stream) == 0
    return isConnected
  }

  /// Takes over a connected socket, whether this succeeds or not.
  func adopt(_ descriptor: Int32, _ transport: Transport) throws(LoopError) {
    let status =
      switch transport {
      case .tcp: core.uv.tcpOpen(raw.assumingMemoryBound(to: uv_tcp_t.self), descriptor)
      case .unix: core.uv.pipeOpen(raw.assumingMemoryBound(to: uv_pipe_t.self), descriptor)
      }
    guard status == 0 else {
      Glibc.close(descriptor)
      throw LoopError(status: status, while: "adopting a connection")
    }
    isConnected = true
  }

  func connect(to address: SocketAddress) {
    guard !isClosing else { return }
    let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    controlRequest = UnsafeMutableRawPointer(request)
    var status: CInt = 0
    if let path = address.unixPath {
      core.uv.pipeConnect(request, raw.assumingMemoryBound(to: uv_pipe_t.self), path, streamConnected)
    } else {
      status = address.withKernelForm { name, _ in
        core.uv.tcpConnect(request, raw.assumingMemoryBound(to: uv_tcp_t.self), name, streamConnected)
      }
    }
    if status < 0 { failureBeforeStart = LoopError(status: status, while: "connecting to", address: address) }
  }

  func connectEnded(_ status: CInt) {
    guard !isClosing else { return }
    freeControlRequest()
    guard status == 0 else { return fail(LoopError(status: status, while: "connecting")) }
    isConnected = true
    if attachment == nil { isConnectionUntold = true } else { tellConnected() }
  }

  private func tellConnected() {
    isConnectionUntold = false
    attachment!._withUnsafeGuaranteedRef { $0.handler.connected() }
    guard !isClosing else { return }
    read()
    writeWaiting()
    finishIfDrained()
  }

  // MARK: Ending

  /// Closes with a reason. Before `start` there is nobody to tell, so it waits.
  private func fail(_ error: LoopError) {
    guard attachment != nil else {
      failureBeforeStart = error
      return
    }
    close(with: .failed(error))
  }

  private func close(with end: StreamEnd) {
    guard !isClosing else { return }
    self.end = end
    close()
  }

  override func closed() {
    hasEnded = true
    waiting.removeAll()
    inFlight.removeAll()
    guard let attachment else { return }
    self.attachment = nil
    attachment.takeUnretainedValue().handler.ended(end)
    attachment.release()
  }

  // MARK: Reading

  func pauseReading() {
    isPaused = true
    guard isReading, !isClosing else { return }
    isReading = false
    _ = core.uv.readStop(stream)
  }

  func resumeReading() {
    isPaused = false
    read()
  }

  private func read() {
    guard isConnected, attachment != nil, !isReading, !isPaused, !hasInputEnded, !isClosing else { return }
    let status = core.uv.readStart(stream, lendScratch, streamRead)
    guard status == 0 else { return fail(LoopError(status: status, while: "reading")) }
    isReading = true
  }

  @inline(__always)
  func received(_ count: Int, _ bytes: UnsafeRawPointer?) {
    core.noteEvent()
    guard count <= 0 else {
      let bytes = RawSpan(_unsafeStart: bytes!, byteCount: count)
      attachment!._withUnsafeGuaranteedRef { $0.handler.received(bytes) }
      return
    }
    if count < 0 { readEnded(CInt(truncatingIfNeeded: count)) }  // 0 is EAGAIN, not the end.
  }

  private func readEnded(_ status: CInt) {
    guard status == UV_EOF.rawValue else { return fail(LoopError(status: status, while: "reading")) }
    isReading = false
    hasInputEnded = true
    var next = AfterInput.close
    attachment!._withUnsafeGuaranteedRef { next = $0.handler.inputEnded() }
    if next == .close || isFinished { close(with: .closedByPeer) }
  }

  // MARK: Writing

  var queuedBytes: Int {
    guard isQueueing, !isClosing else { return 0 }
    return waiting.count + (isWriting ? core.uv.writeQueueSize(stream) : 0)
  }

  func write(_ bytes: RawSpan) -> Bool {
    guard !isClosing, !isFinishing, failureBeforeStart == nil else { return false }
    return bytes.withUnsafeBytes { send($0) }
  }

  private func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard !bytes.isEmpty else { return true }
    var taken = 0
    if isConnected, !isQueueing {
      var buffer = uv_buf_t(bytes)
      let status = core.uv.tryWrite(stream, &buffer, 1)
      if status == bytes.count { return true }
      guard status >= 0 || status == UV_EAGAIN.rawValue else {
        fail(LoopError(status: status, while: "writing"))
        return false
      }
      taken = max(0, Int(status))
    }
    isQueueing = true
    waiting.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
    writeWaiting()
    return true
  }

  private func writeWaiting() {
    guard isConnected, !isWriting, !waiting.isEmpty, !isClosing else { return }
    swap(&waiting, &inFlight)
    let request = writeRequest ?? .allocate(capacity: 1)
    writeRequest = request
    var buffer = uv_buf_t(UnsafeRawBufferPointer(start: inFlight.start, count: inFlight.count))
    let status = core.uv.write(request, stream, &buffer, 1, streamWritten)
    guard status == 0 else { return fail(LoopError(status: status, while: "writing")) }
    isWriting = true
  }

  func written(_ status: CInt) {
    isWriting = false
    inFlight.removeAll()
    guard !isClosing else { return }
    core.noteEvent()
    guard status == 0 else { return fail(LoopError(status: status, while: "writing")) }
    guard waiting.isEmpty else { return writeWaiting() }
    isQueueing = false
    attachment?._withUnsafeGuaranteedRef { $0.handler.drained() }
    finishIfDrained()
  }

  // MARK: Finishing

  func finishWriting() {
    guard !isFinishing, !isClosing else { return }
    isFinishing = true
    finishIfDrained()
  }

  private func finishIfDrained() {
    guard isFinishing, isConnected, !isQueueing, controlRequest == nil, !isFinished, !isClosing else {
      return
    }
    let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    controlRequest = UnsafeMutableRawPointer(request)
    let status = core.uv.shutdown(request, stream, streamFinished)
    if status < 0 { fail(LoopError(status: status, while: "finishing a stream")) }
  }

  func finished(_ status: CInt) {
    guard !isClosing else { return }
    freeControlRequest()
    isFinished = true
    guard status == 0 else { return fail(LoopError(status: status, while: "finishing a stream")) }
    if hasInputEnded { close(with: .closedByPeer) }
  }

  private func freeControlRequest() {
    controlRequest?.deallocate()
    controlRequest = nil
  }
}

extension uv_buf_t {
  /// libuv's buffers are mutable by type; it only reads those of writes.
  fileprivate init(_ bytes: UnsafeRawBufferPointer) {
    self.init(
      base: UnsafeMutablePointer(mutating: bytes.baseAddress!.assumingMemoryBound(to: CChar.self)), len: bytes.count)
  }
}
