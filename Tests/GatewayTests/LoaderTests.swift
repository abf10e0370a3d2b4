import Reactor
import TestSupport
import Testing

@testable import Gateway

@Suite struct LoaderTests {
  @Test func `jobs run one after the other, in their order`() throws {
    let loader = Loader()
    let done = Guarded([Int]())
    for number in 0..<50 { loader.submit(mustRun: true) { done.withLock { $0.append(number) } } }
    let thread = try loader.start()
    loader.close()
    thread.join()
    #expect(done.withLock { $0 } == Array(0..<50))
  }

  @Test func `once it closes only what must run does`() throws {
    let loader = Loader()
    let done = Guarded([String]())
    loader.submit { done.withLock { $0.append("look") } }
    loader.submit(mustRun: true) { done.withLock { $0.append("record") } }
    loader.submit { done.withLock { $0.append("look") } }
    loader.close()
    let thread = try loader.start()
    thread.join()
    #expect(done.withLock { $0 } == ["record"])
  }
}
