internal import CEpoll
internal import Glibc

/// Waits for sockets, and for a time to the nanosecond.
///
/// Not on Reactor's loop: libuv's timers are milliseconds, which is more than a cache hit takes (wrk2 fails of that), and
/// what measures should not stand on the code that it measures. `epoll_pwait2` takes nanoseconds; with the thread's timer
/// slack at 1 ns instead of the usual 50 µs the kernel wakes as soon as the processor can.
struct Poller: ~Copyable {
  struct Interest: OptionSet {
    let rawValue: UInt32
    static let reading = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    static let writing = Interest(rawValue: EPOLLOUT.rawValue)
  }

  private let descriptor: Int32
  private let events: UnsafeMutableBufferPointer<epoll_event>

  /// On the thread that will wait.
  init() throws(LoadError) {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard descriptor >= 0 else { throw LoadError("epoll_create1: \(String(cString: strerror(errno)))") }
    events = .allocate(capacity: 256)
    _ = nt_set_timer_slack(1)
  }

  deinit {
    close(descriptor)
    events.deallocate()
  }

  func add(_ socket: Int32, token: Int, _ interest: Interest) { control(EPOLL_CTL_ADD, socket, token, interest) }
  func change(_ socket: Int32, token: Int, _ interest: Interest) { control(EPOLL_CTL_MOD, socket, token, interest) }

  private func control(_ operation: Int32, _ socket: Int32, _ token: Int, _ interest: Interest) {
    var event = epoll_event()
    event.events = interest.rawValue
    event.data.u64 = UInt64(token)
    let status = epoll_ctl(descriptor, operation, socket, &event)
    precondition(status == 0, "epoll_ctl: \(String(cString: strerror(errno)))")
  }

  /// Waits at most this long, and returns how many events there are.
  func wait(nanoseconds: Int64) -> Int {
    var timeout = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var count = epoll_pwait2(descriptor, events.baseAddress!, Int32(events.count), &timeout, nil)
    if count < 0 && errno == ENOSYS {
      // Linux before 5.11. The last millisecond is spun, and the lag says how well that went.
      count = epoll_wait(descriptor, events.baseAddress!, Int32(events.count), Int32(nanoseconds / 1_000_000))
    }
    return max(0, Int(count))
  }

  /// The place of an event, and what there is to do.
  func event(_ place: Int) -> (token: Int, canRead: Bool, canWrite: Bool) {
    let event = events[place]
    // Errors and hang-ups are told by reading.
    let reading = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
    return (Int(event.data.u64), event.events & reading != 0, event.events & EPOLLOUT.rawValue != 0)
  }
}
