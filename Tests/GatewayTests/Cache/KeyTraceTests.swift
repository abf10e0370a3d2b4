import Testing

@testable import Gateway

@Suite struct KeyTraceTests {
  @Test func `a line is an access, its time relative to the first`() throws {
    let trace = try KeyTrace(text: "# by hand\n1000.5 a 10\n1000.9 b 20\r\n\n1002.6\ta 30\n")
    #expect(trace.names == ["a", "b"])
    #expect(trace.keys == [0, 1, 0])
    #expect(trace.seconds == [0, 0, 2])
    #expect(trace.valueBytes == [30, 20])
  }

  @Test func `times that run back stay at the latest`() throws {
    #expect(try KeyTrace(text: "5 a 1\n9 a 1\n7 a 1\n").seconds == [0, 4, 4])
  }

  @Test(arguments: [
    ("1 a\n", 1), ("1 a 1 1\n", 1), ("# x\nnow a 1\n", 2), ("1 a -1\n", 1), ("1 a 1\nnan a 1", 2), ("1 a 99999999999\n", 1),
    ("inf a 1\n", 1),
  ]) func `what is no access is named with its line`(text: String, line: Int) {
    let fault = #expect(throws: KeyTrace.Fault.self) { try KeyTrace(text: text) }
    #expect(fault?.line == line)
  }

  @Test(arguments: KeyTrace.Synthetic.allCases) func `a made-up trace is the same for its seed, and reads as it is written`(
    kind: KeyTrace.Synthetic
  ) throws {
    let trace = KeyTrace.synthetic(kind, keys: 50, accesses: 2000, accessesPerSecond: 2, seed: 7)
    #expect(trace.count == 2000)
    #expect(trace == KeyTrace.synthetic(kind, keys: 50, accesses: 2000, accessesPerSecond: 2, seed: 7))
    #expect(trace != KeyTrace.synthetic(kind, keys: 50, accesses: 2000, accessesPerSecond: 2, seed: 8))
    #expect(try KeyTrace(text: trace.text) == trace)
  }

  @Test func `each made-up trace does what it is for`() {
    func keys(_ kind: KeyTrace.Synthetic) -> Int {
      KeyTrace.synthetic(kind, keys: 100, accesses: 4000, accessesPerSecond: 4, seed: 1).keyCount
    }
    #expect(keys(.zipf) <= 200)
    #expect(keys(.churn) <= 200)
    #expect(keys(.scan) > 500, "a crawler's keys are its own")
    #expect(keys(.swaps) > 250, "lists are renamed, windows are not")
  }

  @Test func `Zipf's ranks come as often as their weights say`() {
    let zipf = ZipfTable(count: 4, exponent: 1)
    var random = SystemRandomNumberGenerator()
    var counts = [0, 0, 0, 0]
    for _ in 0..<20_000 { counts[zipf.rank(&random)] += 1 }
    // 12/25, 6/25, 4/25, 3/25; six standard deviations are 0.02.
    for (count, share) in zip(counts, [0.48, 0.24, 0.16, 0.12]) {
      #expect(abs(Double(count) / 20_000 - share) < 0.025, "\(counts)")
    }
  }
}
