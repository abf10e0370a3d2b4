import Bytes
import Publishing
import Testing

@testable import Gateway

@Suite struct RetriesTests {
  private let one = ModelIdentity(name: "books", version: 1, digest: SHA256.digest([1].span.bytes))
  private let second: UInt64 = 1_000_000_000

  @Test func `each wait is twice the one before, up to five minutes`() {
    var retries = Retries()
    var now: UInt64 = 0
    var waits: [UInt64] = []
    for _ in 0..<10 {
      retries.failed(one, nowNanoseconds: now, firstMilliseconds: 2000)
      let before = now
      while retries.takeDue(nowNanoseconds: now) != [one] { now += second / 10 }
      #expect(retries.takeDue(nowNanoseconds: now).isEmpty, "it is being tried")
      waits.append((now - before) / (second / 10))
    }
    #expect(waits == [16, 32, 64, 128, 256, 512, 1024, 2048, 2400, 2400])
  }

  @Test func `who has done something about it need not wait, and a success is the end of it`() {
    var retries = Retries()
    for _ in 0..<5 { retries.failed(one, nowNanoseconds: 0, firstMilliseconds: 2000) }
    #expect(retries.take("films").isEmpty)
    #expect(retries.take("books") == [one] && retries.take("books").isEmpty)
    retries.failed(one, nowNanoseconds: 0, firstMilliseconds: 2000)
    #expect(retries.takeDue(nowNanoseconds: 2 * second) == [one])
    retries.failed(one, nowNanoseconds: 0, firstMilliseconds: 2000)
    retries.succeeded(one)
    #expect(retries.takeDue(nowNanoseconds: .max).isEmpty)
  }
}
