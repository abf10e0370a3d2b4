import Configuration
import TestSupport
import Testing

@testable import Gateway

private let second: UInt64 = 1_000_000_000

@Suite struct ConnectionDeadlinesTests {
  private func deadlines(_ flags: [String: String] = [:]) throws -> ConnectionDeadlines {
    try ConnectionDeadlines(Settings(Configuration(flags: flags.mapValues { [$0] })).http)
  }

  private func verdict(
    _ deadlines: ConnectionDeadlines, _ stage: ConnectionDeadlines.Stage, at now: UInt64
  ) -> ConnectionDeadlines.Verdict {
    var progress = WriteProgress()
    return deadlines.verdict(stage, &progress, takenBytes: 0, now: now)
  }

  @Test func `nothing is due of an idle connection`() throws {
    #expect(try verdict(deadlines(), .idle, at: .max / 2) == .none)
  }

  @Test func `a head has one deadline, from its first byte`() throws {
    let deadlines = try deadlines(["http.headTimeout": "10s"])
    let stage = ConnectionDeadlines.Stage.head(sinceNanoseconds: 5 * second)
    #expect(verdict(deadlines, stage, at: 5 * second) == .wait(untilNanoseconds: 15 * second))
    #expect(verdict(deadlines, stage, at: 15 * second - 1) == .wait(untilNanoseconds: 15 * second))
    #expect(verdict(deadlines, stage, at: 15 * second) == .late(.headTimeout))
  }

  @Test func `a body of nothing is late after the grace`() throws {
    let deadlines = try deadlines()
    let stage = ConnectionDeadlines.Stage.body(sinceNanoseconds: second, bytes: 0)
    #expect(verdict(deadlines, stage, at: second) == .wait(untilNanoseconds: 6 * second))
    #expect(verdict(deadlines, stage, at: 6 * second) == .late(.bodyTimeout))
  }

  @Test func `each byte of a body earns it what a byte may take, up to the absolute end`() throws {
    let deadlines = try deadlines(["http.rateMin": "1KiB", "http.bodyTimeout": "30s"])
    func end(_ bytes: Int) -> ConnectionDeadlines.Verdict {
      verdict(deadlines, .body(sinceNanoseconds: second, bytes: bytes), at: second)
    }
    #expect(end(1024) == .wait(untilNanoseconds: 7 * second))
    #expect(end(10 * 1024) == .wait(untilNanoseconds: 16 * second))
    #expect(end(25 * 1024) == .wait(untilNanoseconds: 31 * second))
    #expect(end(1 << 40) == .wait(untilNanoseconds: 31 * second), "no more than bodyTimeout")
    #expect(end(.max) == .wait(untilNanoseconds: 31 * second))
    // One byte a second: after five seconds there are five, which are worth five thousandths more.
    let drip = verdict(deadlines, .body(sinceNanoseconds: second, bytes: 5), at: 6 * second + 10_000_000)
    #expect(drip == .late(.bodyTimeout))
  }

  @Test func `without a rate only the end counts`() throws {
    let deadlines = try deadlines(["http.rateMin": "0", "http.bodyTimeout": "30s"])
    #expect(
      verdict(deadlines, .body(sinceNanoseconds: 0, bytes: 0), at: 29 * second) == .wait(untilNanoseconds: 30 * second))
  }

  @Test func `after the last answer a client has five seconds, or the write timeout if that is less`() throws {
    let stage = ConnectionDeadlines.Stage.lingering(sinceNanoseconds: second)
    #expect(try verdict(deadlines(), stage, at: 6 * second - 1) == .wait(untilNanoseconds: 6 * second))
    #expect(try verdict(deadlines(), stage, at: 6 * second) == .lingeredEnough)
    #expect(try verdict(deadlines(["http.writeTimeout": "200ms"]), stage, at: 2 * second) == .lingeredEnough)
  }

  // MARK: Output.

  @Test func `a client that reads nothing is cut off after the write timeout`() throws {
    let deadlines = try deadlines(["http.writeTimeout": "10s"])
    var progress = WriteProgress()
    #expect(progress.begin(deadlines, takenBytes: 700, now: second) == 11 * second)
    #expect(
      deadlines.verdict(.writing, &progress, takenBytes: 700, now: 10 * second)
        == .wait(untilNanoseconds: 11 * second))
    #expect(deadlines.verdict(.writing, &progress, takenBytes: 700, now: 11 * second) == .late(.writeTimeout))
  }

  @Test func `one byte a second is too slow, and the least rate is not`() throws {
    let deadlines = try deadlines(["http.writeTimeout": "10s", "http.rateMin": "1KiB"])
    var slow = WriteProgress()
    _ = slow.begin(deadlines, takenBytes: 0, now: second)
    #expect(deadlines.verdict(.writing, &slow, takenBytes: 10, now: 11 * second) == .late(.writeTimeout))
    var fast = WriteProgress()
    _ = fast.begin(deadlines, takenBytes: 0, now: second)
    for stretch in UInt64(1)...20 {
      let verdict = deadlines.verdict(
        .writing, &fast, takenBytes: stretch * 10_240, now: (10 * stretch + 1) * second)
      #expect(verdict == .wait(untilNanoseconds: (10 * stretch + 11) * second), "stretch \(stretch)")
    }
  }

  @Test func `without a rate a byte is progress`() throws {
    let deadlines = try deadlines(["http.writeTimeout": "10s", "http.rateMin": "0"])
    var progress = WriteProgress()
    _ = progress.begin(deadlines, takenBytes: 5, now: second)
    #expect(
      deadlines.verdict(.writing, &progress, takenBytes: 6, now: 11 * second) == .wait(untilNanoseconds: 21 * second))
    #expect(deadlines.verdict(.writing, &progress, takenBytes: 6, now: 21 * second) == .late(.writeTimeout))
  }

  @Test func `output that began to wait unnoticed gets its whole time`() throws {
    let deadlines = try deadlines(["http.writeTimeout": "10s"])
    var progress = WriteProgress()
    #expect(
      deadlines.verdict(.writing, &progress, takenBytes: 0, now: 7 * second) == .wait(untilNanoseconds: 17 * second))
    progress.end()
    #expect(!progress.isRunning)
  }

  // MARK: Idle time.

  @Test func `idle time shrinks in a straight line from half of the cap to a second at the cap`() throws {
    let deadlines = try deadlines(["http.idleTimeout": "61s"])
    func seconds(_ open: Int, _ pressure: Double = 0) -> Double {
      Double(deadlines.idleNanoseconds(open: open, connectionsMax: 1000, pressure: pressure)) / 1e9
    }
    #expect([0, 100, 500].map { seconds($0) } == [61, 61, 61])
    #expect(seconds(750) == 31 && seconds(900) == 13)
    #expect(seconds(1000) == 1 && seconds(1200) == 1)
    #expect(seconds(100, 0.5) == 31 && seconds(1000, 0.5) == 1 && seconds(0, 1) == 1, "the greater pressure counts")
  }

  @Test func `an idle time below a second stays what it is`() throws {
    let deadlines = try deadlines(["http.idleTimeout": "300ms"])
    #expect(deadlines.idleNanoseconds(open: 10, connectionsMax: 10) == 300_000_000)
  }
}
