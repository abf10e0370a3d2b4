internal import Clibuv

// C calls, the slot answers. C function pointers capture nothing, so each finds its slot through the handle's `data`,
// borrowed: at -O there is neither a retain nor an allocation between libuv and the handler (checked in the assembly).

func lendScratch(
  _ handle: UnsafeMutablePointer<uv_handle_t>?, _: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
  handle!.withSlot(StreamSlot.self) { slot in
    buffer!.pointee = uv_buf_t(
      base: slot.core.scratch.assumingMemoryBound(to: CChar.self), len: LoopCore.scratchBytes)
  }
}

func streamRead(
  _ stream: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?
) {
  stream!.withStreamSlot { $0.received(count, buffer!.pointee.base) }
}

func streamConnected(_ request: UnsafeMutablePointer<uv_connect_t>?, _ status: CInt) {
  request!.pointee.handle.withStreamSlot { $0.connectEnded(status) }
}

func streamWritten(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: CInt) {
  request!.pointee.handle.withStreamSlot { $0.written(status) }
}

func streamFinished(_ request: UnsafeMutablePointer<uv_shutdown_t>?, _ status: CInt) {
  request!.pointee.handle.withStreamSlot { $0.finished(status) }
}

extension UnsafeMutablePointer<uv_stream_t> {
  @inline(__always)
  fileprivate func withStreamSlot(_ body: (StreamSlot) -> Void) {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: uv_handle_t.self).withSlot(StreamSlot.self, body)
  }
}
