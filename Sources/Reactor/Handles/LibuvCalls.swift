internal import Clibuv
internal import Glibc

/// Everything that slots and loops ask of libuv and of the clocks, as a table of C functions.
///
/// There are two tables: the library itself, and the simulator that keeps the same promises on a virtual clock and an
/// in-memory network (`Simulated/`). It is cut here, below the slots, so that what a simulation runs is the real
/// queueing, finishing and closing, and not a copy of it. A call through the table costs what one into a shared library
/// costs anyway, an indirect jump: the functions lie in the core itself, one load away. What libuv calls (reads, most
/// of all) does not pass here.
struct LibuvCalls: Sendable {
  typealias Loop = UnsafeMutablePointer<uv_loop_t>
  typealias Handle = UnsafeMutablePointer<uv_handle_t>
  typealias Stream = UnsafeMutablePointer<uv_stream_t>
  typealias Buffers = UnsafePointer<uv_buf_t>

  // Clocks.
  /// Monotonic nanoseconds.
  let now: @convention(c) (Loop?) -> UInt64
  /// Seconds since 1970.
  let wallSeconds: @convention(c) (Loop?) -> Int

  // Loops.
  let loopInit: @convention(c) (Loop?) -> CInt
  let loopClose: @convention(c) (Loop?) -> CInt
  let run: @convention(c) (Loop?) -> Void
  let updateTime: @convention(c) (Loop?) -> Void
  let walk: @convention(c) (Loop?, uv_walk_cb?) -> Void

  // Handles of any kind.
  let close: @convention(c) (Handle?, uv_close_cb?) -> Void
  let unref: @convention(c) (Handle?) -> Void
  let isActive: @convention(c) (Handle?) -> CInt
  let fileno: @convention(c) (Handle?, UnsafeMutablePointer<uv_os_fd_t>?) -> CInt

  // Hooks, timers, wake-ups, signals.
  let prepareStart: @convention(c) (Loop?, UnsafeMutablePointer<uv_prepare_t>?, uv_prepare_cb?) -> CInt
  let checkStart: @convention(c) (Loop?, UnsafeMutablePointer<uv_check_t>?, uv_check_cb?) -> CInt
  let timerInit: @convention(c) (Loop?, UnsafeMutablePointer<uv_timer_t>?) -> CInt
  let timerStart: @convention(c) (UnsafeMutablePointer<uv_timer_t>?, uv_timer_cb?, UInt64, UInt64) -> CInt
  let timerStop: @convention(c) (UnsafeMutablePointer<uv_timer_t>?) -> CInt
  let asyncInit: @convention(c) (Loop?, UnsafeMutablePointer<uv_async_t>?, uv_async_cb?) -> CInt
  let asyncSend: @convention(c) (UnsafeMutablePointer<uv_async_t>?) -> CInt
  let signalInit: @convention(c) (Loop?, UnsafeMutablePointer<uv_signal_t>?) -> CInt

  // Streams.
  let tcpInit: @convention(c) (Loop?, UnsafeMutablePointer<uv_tcp_t>?) -> CInt
  let pipeInit: @convention(c) (Loop?, UnsafeMutablePointer<uv_pipe_t>?, CInt) -> CInt
  let tcpNoDelay: @convention(c) (UnsafeMutablePointer<uv_tcp_t>?, CInt) -> CInt
  let tcpOpen: @convention(c) (UnsafeMutablePointer<uv_tcp_t>?, CInt) -> CInt
  let pipeOpen: @convention(c) (UnsafeMutablePointer<uv_pipe_t>?, CInt) -> CInt
  let listen: @convention(c) (Stream?, CInt, uv_connection_cb?) -> CInt
  let accept: @convention(c) (Stream?, Stream?) -> CInt
  let tcpConnect:
    @convention(c) (
      UnsafeMutablePointer<uv_connect_t>?, UnsafeMutablePointer<uv_tcp_t>?, UnsafePointer<sockaddr>?, uv_connect_cb?
    ) -> CInt
  let pipeConnect:
    @convention(c) (
      UnsafeMutablePointer<uv_connect_t>?, UnsafeMutablePointer<uv_pipe_t>?, UnsafePointer<CChar>?, uv_connect_cb?
    ) -> Void
  let readStart: @convention(c) (Stream?, uv_alloc_cb?, uv_read_cb?) -> CInt
  let readStop: @convention(c) (Stream?) -> CInt
  let tryWrite: @convention(c) (Stream?, Buffers?, CUnsignedInt) -> CInt
  let write: @convention(c) (UnsafeMutablePointer<uv_write_t>?, Stream?, Buffers?, CUnsignedInt, uv_write_cb?) -> CInt
  let writeQueueSize: @convention(c) (Stream?) -> Int
  let shutdown: @convention(c) (UnsafeMutablePointer<uv_shutdown_t>?, Stream?, uv_shutdown_cb?) -> CInt
}

extension LibuvCalls {
  /// The library and the system's clocks.
  static let real = LibuvCalls(
    now: { _ in uv_hrtime() },
    wallSeconds: { _ in time(nil) },
    loopInit: { uv_loop_init($0) },
    loopClose: { uv_loop_close($0) },
    run: { uv_run($0, UV_RUN_DEFAULT) },
    updateTime: { uv_update_time($0) },
    walk: { uv_walk($0, $1, nil) },
    close: { uv_close($0, $1) },
    unref: { uv_unref($0) },
    isActive: { uv_is_active($0) },
    fileno: { uv_fileno($0, $1) },
    prepareStart: { loop, prepare, body in
      let status = uv_prepare_init(loop, prepare)
      return status == 0 ? uv_prepare_start(prepare, body) : status
    },
    checkStart: { loop, check, body in
      let status = uv_check_init(loop, check)
      return status == 0 ? uv_check_start(check, body) : status
    },
    timerInit: { uv_timer_init($0, $1) },
    timerStart: { uv_timer_start($0, $1, $2, $3) },
    timerStop: { uv_timer_stop($0) },
    asyncInit: { uv_async_init($0, $1, $2) },
    asyncSend: { uv_async_send($0) },
    signalInit: { uv_signal_init($0, $1) },
    tcpInit: { uv_tcp_init($0, $1) },
    pipeInit: { uv_pipe_init($0, $1, $2) },
    tcpNoDelay: { uv_tcp_nodelay($0, $1) },
    tcpOpen: { uv_tcp_open($0, $1) },
    pipeOpen: { uv_pipe_open($0, $1) },
    listen: { uv_listen($0, $1, $2) },
    accept: { uv_accept($0, $1) },
    tcpConnect: { uv_tcp_connect($0, $1, $2, $3) },
    pipeConnect: { uv_pipe_connect($0, $1, $2, $3) },
    readStart: { uv_read_start($0, $1, $2) },
    readStop: { uv_read_stop($0) },
    tryWrite: uv_try_write,
    write: { uv_write($0, $1, $2, $3, $4) },
    writeQueueSize: { uv_stream_get_write_queue_size($0) },
    shutdown: { uv_shutdown($0, $1, $2) })
}
