internal import Clibuv
internal import Glibc

/// What stands behind a `uv_tcp_t` or `uv_pipe_t`: the promises of src/unix/stream.c of 1.44.2.
final class SimulatedStream: SimulatedHandle {
  private(set) var endpoint: SimulatedEndpoint?
  private var connecting: (request: UnsafeMutablePointer<uv_connect_t>, callback: uv_connect_cb?)?

  private var allocate: uv_alloc_cb?
  private var read: uv_read_cb?
  private var isReading = false
  private var isReady = false

  private struct Write {
    let request: UnsafeMutablePointer<uv_write_t>
    let callback: uv_write_cb?
    var rest: UnsafeRawBufferPointer
    var status: CInt = 0
  }
  /// Not all taken by the network yet, oldest first.
  private var writes: [Write] = []
  /// Over, and to be told.
  private var written: [Write] = []
  private var finishing: (request: UnsafeMutablePointer<uv_shutdown_t>, callback: uv_shutdown_cb?)?
  /// What `uv_tcp_open` gave, of a listener to be.
  var descriptor: CInt = -1
  private(set) var listener: SimulatedListener?

  override var isActive: Bool {
    isReading || listener != nil && !isClosing || connecting != nil || !writes.isEmpty || !written.isEmpty || finishing != nil
  }

  private var stream: UnsafeMutablePointer<uv_stream_t> {
    UnsafeMutableRawPointer(raw).assumingMemoryBound(to: uv_stream_t.self)
  }

  // MARK: Beginning

  func listen(_ callback: uv_connection_cb?) -> CInt {
    guard let address = world.address(of: descriptor) else { return UV_EINVAL.rawValue }
    let listener = SimulatedListener(self, at: address, callback)
    self.listener = listener
    world.opened(listener, at: address, descriptor)
    return 0
  }

  func accept(_ endpoint: SimulatedEndpoint) {
    self.endpoint = endpoint
    endpoint.stream = self
  }

  func connect(
    _ request: UnsafeMutablePointer<uv_connect_t>, to address: SocketAddress, _ callback: uv_connect_cb?
  ) {
    request.pointee.handle = stream
    connecting = (request, callback)
    knock(address, loop.route ?? world.link(to: address), at: loop.now)
  }

  /// One SYN, and the next one when it is lost.
  private func knock(_ address: SocketAddress, _ link: SimulatedLink, at time: UInt64) {
    let arrival = time + world.random.within(link.latencyNanoseconds)
    let back = arrival + world.random.within(link.latencyNanoseconds)
    world.at(arrival) { [weak self] in
      guard let self, !isClosing else { return }
      guard !link.isBlackHole else {
        return knock(address, link, at: world.nowNanoseconds + SimulatedLink.retransmissionNanoseconds)
      }
      guard let listener = world.listener(at: address) else {
        let status = address.isUnix ? -ENOENT : -ECONNREFUSED
        return world.at(back) { [weak self] in self?.connectionEnds(nil, status) }
      }
      let (near, far) = SimulatedEndpoint.pair(world, to: address, over: link)
      listener.arrived(far)
      world.at(back) { [weak self] in
        guard let self, !isClosing else { return near.close() }
        connectionEnds(near, 0)
      }
    }
  }

  private func connectionEnds(_ endpoint: SimulatedEndpoint?, _ status: CInt) {
    guard !isClosing else { return }
    if let endpoint { accept(endpoint) }
    loop.add(pending: { [self] in
      guard let (request, callback) = connecting else { return }
      connecting = nil
      world.note("connected", id, at: loop.now)
      callback?(request, status)
      writeSome()
    })
  }

  // MARK: Reading

  func startReading(_ allocate: uv_alloc_cb?, _ read: uv_read_cb?) -> CInt {
    guard !isClosing else { return UV_EINVAL.rawValue }
    guard endpoint != nil else { return UV_ENOTCONN.rawValue }
    (self.allocate, self.read) = (allocate, read)
    isReading = true
    becomeReadable()
    return 0
  }

  func stopReading() { isReading = false }

  func becomeReadable() {
    guard isReading, !isReady, !isClosing, endpoint?.isReadable == true else { return }
    isReady = true
    loop.add(.stream(self))
  }

  /// uv__read: up to 32 reads, ended by a short one. What is left makes the stream ready again.
  func poll() {
    isReady = false
    defer { becomeReadable() }
    for _ in 0..<32 {
      guard isReading, !isClosing, let endpoint else { return }
      if endpoint.failure != 0 && endpoint.unreadBytes == 0 { return readEnds(-endpoint.failure) }
      guard endpoint.unreadBytes > 0 else {
        if endpoint.hasEnded { readEnds(UV_EOF.rawValue) }
        return
      }
      var buffer = uv_buf_t()
      allocate?(raw, 65_536, &buffer)
      let count = endpoint.take(to: buffer.base, room: Int(buffer.len))
      let isShort = count < Int(buffer.len)
      read?(stream, count, &buffer)
      if isShort { return }
    }
  }

  private func readEnds(_ status: CInt) {
    isReading = false
    world.note("end", id, at: loop.now)
    var buffer = uv_buf_t()
    read?(stream, Int(status), &buffer)
  }

  // MARK: Writing

  func tryWrite(_ bytes: UnsafeRawBufferPointer) -> CInt {
    guard let endpoint, !isClosing else { return UV_EBADF.rawValue }
    guard connecting == nil, writes.isEmpty else { return UV_EAGAIN.rawValue }
    return CInt(endpoint.send(bytes))
  }

  func write(
    _ request: UnsafeMutablePointer<uv_write_t>, _ bytes: UnsafeRawBufferPointer, _ callback: uv_write_cb?
  ) -> CInt {
    guard !isClosing, endpoint != nil || connecting != nil else { return UV_EBADF.rawValue }
    request.pointee.handle = stream
    writes.append(Write(request: request, callback: callback, rest: bytes))
    if connecting == nil { writeSome() }
    return 0
  }

  var queuedBytes: Int { writes.reduce(0) { $0 + $1.rest.count } }

  func becomeWritable() {
    guard !writes.isEmpty, !isClosing else { return }
    writeSome()
  }

  private func writeSome() {
    guard let endpoint, !isClosing else { return }
    while !writes.isEmpty {
      let taken = endpoint.send(writes[0].rest)
      if taken == -Int(EAGAIN) { return }
      if taken < 0 {
        writes[0].status = CInt(taken)
      } else {
        writes[0].rest = UnsafeRawBufferPointer(rebasing: writes[0].rest[taken...])
        guard writes[0].rest.isEmpty else { continue }
      }
      written.append(writes.removeFirst())
      loop.add(pending: { [self] in tellWritten() })
    }
    finishIfWritten()
  }

  private func tellWritten() {
    guard !written.isEmpty else { return }
    let write = written.removeFirst()
    write.callback?(write.request, write.status)
  }

  // MARK: Ending

  func finish(_ request: UnsafeMutablePointer<uv_shutdown_t>, _ callback: uv_shutdown_cb?) -> CInt {
    guard !isClosing, endpoint != nil else { return UV_ENOTCONN.rawValue }
    request.pointee.handle = stream
    finishing = (request, callback)
    finishIfWritten()
    return 0
  }

  private func finishIfWritten() {
    guard let (request, callback) = finishing, writes.isEmpty, let endpoint else { return }
    let status = -endpoint.failure
    endpoint.finish()
    loop.add(pending: { [self] in
      guard finishing != nil else { return }
      finishing = nil
      callback?(request, status == 0 ? 0 : UV_ENOTCONN.rawValue)
    })
  }

  /// Resets the connection instead of closing it; the handle is still to be closed.
  func reset() { endpoint?.closeWithReset() }

  override func willClose() {
    isReading = false
    listener?.close()
    endpoint?.close()
    endpoint?.letGo()
  }

  override func cancelRequests() {
    if let (request, callback) = connecting { callback?(request, UV_ECANCELED.rawValue) }
    connecting = nil
    for write in written { write.callback?(write.request, write.status) }
    for write in writes { write.callback?(write.request, UV_ECANCELED.rawValue) }
    (written, writes) = ([], [])
    if let (request, callback) = finishing { callback?(request, UV_ECANCELED.rawValue) }
    finishing = nil
  }
}
