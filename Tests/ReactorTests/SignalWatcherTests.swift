import Glibc
import Reactor
import Testing

@Suite struct SignalWatcherTests {
  @Test func `a signal of the process reaches the loop`() throws {
    let loop = try EventLoop()
    var heard: [Int32] = []
    let watcher = try SignalWatcher(loop: loop, signal: SIGUSR2) { signal in
      heard.append(signal)
      loop.stop()
    }
    let timer = Timer(loop: loop) { kill(getpid(), SIGUSR2) }
    timer.start(milliseconds: 5)
    loop.runToEnd()
    withExtendedLifetime(watcher) {}
    #expect(heard == [SIGUSR2])
  }

  @Test func `two loops both hear`() throws {
    let loops = try (0..<2).map { _ in try EventLoop() }
    var heard = 0
    let watchers = try loops.map { loop in
      try SignalWatcher(loop: loop, signal: SIGWINCH) { _ in
        heard += 1
        loop.stop()
      }
    }
    kill(getpid(), SIGWINCH)
    for loop in loops { loop.runToEnd() }
    #expect(heard == 2)
    withExtendedLifetime(watchers) {}
  }

  @Test func `a signal that nobody can watch is an error`() throws {
    let loop = try EventLoop()
    let error = try #require(throws: LoopError.self) {
      _ = try SignalWatcher(loop: loop, signal: SIGKILL) { _ in }
    }
    #expect(error.code == EINVAL)
  }
}
