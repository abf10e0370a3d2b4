internal import Clibuv

/// What a stream handle becomes by `uv_listen`.
final class SimulatedListener {
  private unowned let handle: SimulatedHandle
  private let address: SocketAddress
  private let callback: uv_connection_cb?
  /// Connections that the kernel has completed.
  private var waiting: [SimulatedEndpoint] = []
  /// The one that the callback was told of. While it is not taken, no other is offered (uv__server_io).
  private var offered: SimulatedEndpoint?
  private var isReady = false

  init(_ handle: SimulatedHandle, at address: SocketAddress, _ callback: uv_connection_cb?) {
    self.handle = handle
    self.address = address
    self.callback = callback
  }

  /// The kernel resets what nobody has accepted.
  func close() {
    handle.world.closed(self, at: address)
    offered?.closeWithReset()
    for endpoint in waiting { endpoint.closeWithReset() }
    waiting = []
    offered = nil
  }

  func arrived(_ endpoint: SimulatedEndpoint) {
    waiting.append(endpoint)
    becomeReady()
  }

  private func becomeReady() {
    guard !isReady, offered == nil, !waiting.isEmpty, !handle.isClosing else { return }
    isReady = true
    handle.loop.add(.listener(self))
  }

  func poll() {
    isReady = false
    while !handle.isClosing, offered == nil, !waiting.isEmpty {
      offered = waiting.removeFirst()
      handle.world.note("accept", handle.id, at: handle.loop.now)
      callback?(UnsafeMutableRawPointer(handle.raw).assumingMemoryBound(to: uv_stream_t.self), 0)
    }
  }

  func accept() -> SimulatedEndpoint? {
    defer {
      offered = nil
      becomeReady()
    }
    return offered
  }
}
