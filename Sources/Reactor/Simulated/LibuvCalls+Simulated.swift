internal import Clibuv
internal import Glibc

extension LibuvCalls {
  /// The simulator: each call finds the object that stands behind its handle, and tells it.
  static let simulated = LibuvCalls(
    now: { loop in loop!.simulated.look() },
    wallSeconds: { loop in loop!.simulated.wallSeconds },
    loopInit: { _ in 0 },
    loopClose: { loop in loop!.simulated.handles.isEmpty ? 0 : UV_EBUSY.rawValue },
    run: { loop in loop!.simulated.run() },
    updateTime: { loop in loop!.simulated.updateTime() },
    walk: { loop, body in
      for handle in loop!.simulated.handles { body?(handle.raw, nil) }
    },
    close: { handle, body in handle!.simulated(SimulatedHandle.self).close(body) },
    unref: { handle in handle!.simulated(SimulatedHandle.self).isReferenced = false },
    isActive: { handle in handle!.simulated(SimulatedHandle.self).isActive ? 1 : 0 },
    fileno: { _, _ in UV_EBADF.rawValue },
    prepareStart: { loop, prepare, body in
      _ = SimulatedHook(loop!.simulated, UnsafeMutableRawPointer(prepare!), .prepare) { handle in
        body?(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_prepare_t.self))
      }
      return 0
    },
    checkStart: { loop, check, body in
      _ = SimulatedHook(loop!.simulated, UnsafeMutableRawPointer(check!), .check) { handle in
        body?(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_check_t.self))
      }
      return 0
    },
    timerInit: { loop, timer in
      _ = SimulatedTimer(loop!.simulated, UnsafeMutableRawPointer(timer!))
      return 0
    },
    timerStart: { timer, body, delay, repeating in
      timer!.simulated(SimulatedTimer.self).start(body, delay, repeating: repeating)
      return 0
    },
    timerStop: { timer in
      let timer = timer!.simulated(SimulatedTimer.self)
      timer.loop.stop(timer)
      return 0
    },
    asyncInit: { loop, async, body in
      _ = SimulatedWake(loop!.simulated, UnsafeMutableRawPointer(async!), body)
      return 0
    },
    asyncSend: { async in
      async!.simulated(SimulatedWake.self).send()
      return 0
    },
    signalInit: { _, _ in UV_ENOSYS.rawValue },
    tcpInit: { loop, stream in
      _ = SimulatedStream(loop!.simulated, UnsafeMutableRawPointer(stream!))
      return 0
    },
    pipeInit: { loop, stream, _ in
      _ = SimulatedStream(loop!.simulated, UnsafeMutableRawPointer(stream!))
      return 0
    },
    tcpNoDelay: { _, _ in 0 },
    tcpOpen: { stream, descriptor in
      stream!.simulated(SimulatedStream.self).descriptor = descriptor
      return 0
    },
    pipeOpen: { stream, descriptor in
      stream!.simulated(SimulatedStream.self).descriptor = descriptor
      return 0
    },
    listen: { stream, _, body in stream!.simulated(SimulatedStream.self).listen(body) },
    accept: { listener, stream in
      guard let endpoint = listener!.simulated(SimulatedStream.self).listener?.accept() else {
        return UV_EAGAIN.rawValue
      }
      stream!.simulated(SimulatedStream.self).accept(endpoint)
      return 0
    },
    tcpConnect: { request, stream, name, body in
      guard let address = SocketAddress(name!) else { return UV_EINVAL.rawValue }
      stream!.simulated(SimulatedStream.self).connect(request!, to: address, body)
      return 0
    },
    pipeConnect: { request, stream, path, body in
      let address = SocketAddress(kind: .unix(path: String(cString: path!)), port: 0)
      stream!.simulated(SimulatedStream.self).connect(request!, to: address, body)
    },
    readStart: { stream, allocate, read in
      stream!.simulated(SimulatedStream.self).startReading(allocate, read)
    },
    readStop: { stream in
      stream!.simulated(SimulatedStream.self).stopReading()
      return 0
    },
    tryWrite: { stream, buffers, count in
      stream!.simulated(SimulatedStream.self).tryWrite(bytes(of: buffers, count))
    },
    write: { request, stream, buffers, count, body in
      stream!.simulated(SimulatedStream.self).write(request!, bytes(of: buffers, count), body)
    },
    writeQueueSize: { stream in stream!.simulated(SimulatedStream.self).queuedBytes },
    shutdown: { request, stream, body in stream!.simulated(SimulatedStream.self).finish(request!, body) })
}

extension UnsafeMutablePointer<uv_handle_t> {
  var simulatedStream: SimulatedStream { simulated(SimulatedStream.self) }
}

/// The slots write one buffer at a time.
private func bytes(of buffers: UnsafePointer<uv_buf_t>?, _ count: CUnsignedInt) -> UnsafeRawBufferPointer {
  precondition(count == 1)
  return UnsafeRawBufferPointer(start: buffers!.pointee.base, count: Int(buffers!.pointee.len))
}

extension UnsafeMutablePointer<uv_loop_t> {
  fileprivate var simulated: SimulatedLoop {
    Unmanaged<SimulatedLoop>.fromOpaque(pointee.data).takeUnretainedValue()
  }
}

extension UnsafeMutablePointer {
  /// What stands behind a handle of any type: they all begin with the fields of `uv_handle_t`.
  fileprivate func simulated<Object: SimulatedHandle>(_: Object.Type) -> Object {
    let handle = UnsafeMutableRawPointer(self).assumingMemoryBound(to: uv_handle_t.self)
    let object = Unmanaged<SimulatedHandle>.fromOpaque(handle.pointee.u.reserved.0!).takeUnretainedValue()
    return unsafeDowncast(object, to: Object.self)
  }
}
