import Bytes
import Reactor
import Testing

@testable import Gateway

/// Whether the invariants would notice: each test breaks one promise on purpose, and the run must say so.
@Suite(.serialized) struct RigTests {
  /// Plays a calm run with something wrong, and returns what the invariants said.
  private func violations(_ change: (inout Script) -> Void) throws -> [String] {
    var script = Script(seed: 21, weather: .calm)
    (script.nodes, script.workers, script.seconds, script.clients) = (1, 1, 1, 6)
    script.drainsEarly = false
    change(&script)
    let gateway = try GatewayWorld(script)
    try gateway.run()
    return gateway.violations
  }

  private func expect(_ said: [String], _ words: String) {
    #expect(said.contains { $0.contains(words) }, "nobody said \"\(words)\" in \(said)")
  }

  /// Changes the n-th piece of bytes that clients receive.
  private func tamper(_ number: Int, _ change: @escaping ([UInt8]) -> [UInt8]) -> ([UInt8]) -> [UInt8] {
    var count = 0
    return { bytes in
      count += 1
      return count == number ? change(bytes) : bytes
    }
  }

  private func replacing(_ old: String, _ new: String) -> ([UInt8]) -> [UInt8] {
    { Array(String(decoding: $0, as: UTF8.self).replacing(old, with: new).utf8) }
  }

  @Test func `the run that the others break has nothing to say`() throws {
    #expect(try violations { _ in } == [])
  }

  @Test func `another user's window under the right opaque is noticed`() throws {
    let said = try violations { script in
      script.faults.otherWindow = 500
      script.manners.events = 400
      script.seconds = 3
    }
    expect(said, "was asked for")
  }

  @Test func `another taste's items are noticed`() throws {
    expect(try violations { $0.tamper = replacing("\"itemId\":\"g3-", "\"itemId\":\"g4-") }, "was asked for, and got")
  }

  @Test func `an item of another version is noticed`() throws {
    expect(try violations { $0.tamper = replacing("\"made\":\"v1\"", "\"made\":\"v2\"") }, "was made by v2")
  }

  @Test func `a version that does not serve is noticed`() throws {
    expect(try violations { $0.tamper = replacing("\"version\":1}", "\"version\":9}") }, "did not serve")
  }

  @Test func `an answer that comes twice is noticed`() throws {
    expect(try violations { $0.tamper = tamper(40) { $0 + $0 } }, "an answer to nothing")
  }

  @Test func `an answer that does not come is noticed`() throws {
    expect(try violations { $0.tamper = tamper(40) { _ in [] } }, "unanswered")
  }

  @Test func `an answer that is cut is noticed`() throws {
    let said = try violations { script in
      // Alone on its connection: behind it another answer would be taken for its end.
      script.manners.pipelinedMax = 1
      script.tamper = tamper(40) { Array($0.dropLast()) }
    }
    expect(said, "inside an answer")
  }

  @Test func `answers in another order are noticed`() throws {
    #expect(try !violations { $0.confusesOrder = true }.isEmpty)
  }

  @Test func `an answer after its deadline is noticed`() throws {
    let said = try violations { script in
      script.settings = ["placements.home.deadline": "900ms", "memcached.timeout": "800ms"]
      (script.faults.stall, script.faults.stallMilliseconds) = (100, 200...400)
    }
    expect(said, "later than deadline")
  }

  @Test func `an id that is given twice is noticed`() throws {
    var first: [UInt8]?
    let said = try violations { script in
      script.tamper = { bytes in
        guard let at = String(decoding: bytes, as: UTF8.self).firstRange(of: "\"recommendationId\":\"") else {
          return bytes
        }
        let start = String(decoding: bytes, as: UTF8.self).utf8.distance(
          from: String(decoding: bytes, as: UTF8.self).startIndex, to: at.upperBound)
        guard bytes.count >= start + 26 else { return bytes }
        // The same random part for all.
        let id = Array(bytes[start + 10..<start + 26])
        first = first ?? id
        var bytes = bytes
        bytes.replaceSubrange(start + 10..<start + 26, with: first!)
        return bytes
      }
    }
    expect(said, "was given before")
  }

  @Test func `a lost event is noticed`() throws {
    // The node forgets everything each 50 ms, which the oracle is not told.
    let said = try violations { script in
      (script.accidents, script.seconds, script.manners.events) = (0, 3, 300)
      script.settings = ["window.fresh": "1s", "cache.l1.bytes": "0"]
      script.faults.loseReply = 20
    }
    expect(said, "as a 202 has promised")
  }

  @Test func `what is left in a pool is noticed`() throws {
    let said = try violations { script in
      script.sabotage = { gateway in _ = gateway.workers[0].windowFetches.begin(TasteShop.hash("nobody")) }
    }
    expect(said, "1 window fetches at rest")
  }

  @Test func `a snapshot that is kept is noticed`() throws {
    var kept: ServedModel?
    let said = try violations { script in
      script.sabotage = { gateway in kept = gateway.workers[0].catalogue.models.values.first }
    }
    expect(said, "1 snapshots are still held")
    _ = kept
  }
}
