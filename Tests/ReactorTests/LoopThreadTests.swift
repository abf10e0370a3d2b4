import FoundationEssentials
import Glibc
@testable import Reactor
import Synchronization
import Testing

@Suite struct LoopThreadTests {
  @Test func `a thread runs its body under its name`() throws {
    let box = NameBox()
    let thread = try LoopThread.spawn(name: "needletail-worker-1") { box.read() }
    thread.join()
    #expect(box.value.withLock { $0 } == "needletail-work")
  }

  @Test func `a thread that nobody joins frees itself`() throws {
    let ran = Signal()
    _ = try LoopThread.spawn(name: "loose") { ran.set() }
    while !ran.isSet { usleep(1000) }
  }
}

private final class NameBox: Sendable {
  let value = Guarded("")
  func read() {
    let text = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
    value.withLock { $0 = text.split(separator: "\n").first.map(String.init) ?? "" }
  }
}

private final class Signal: Sendable {
  private let flag = Atomic(false)
  func set() { flag.store(true, ordering: .releasing) }
  var isSet: Bool { flag.load(ordering: .acquiring) }
}
