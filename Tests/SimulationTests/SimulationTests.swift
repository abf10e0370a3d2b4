import Glibc
import Reactor
import Testing

/// The whole gateway on a virtual clock, under everything that a seed can bring.
///
/// A failure prints its seed; `NEEDLETAIL_SEED=17 swift test --filter SimulationTests` plays that run alone, and with
/// `NEEDLETAIL_TRACE=1` tells every event of it.
@Suite(.serialized) struct SimulationTests {
  @Test(arguments: Seeds.fixed)
  func `a run keeps every promise`(seed: UInt64) throws {
    try play(Script(seed: seed))
  }

  private func play(_ script: Script) throws {
    let trace: ((String) -> Void)? = getenv("NEEDLETAIL_TRACE") == nil ? nil : { print($0) }
    let gateway = try GatewayWorld(script, trace: trace)
    try gateway.run()
    if getenv("NEEDLETAIL_SEED") != nil { print("seed \(script.seed), \(gateway.report)") }
    #expect(
      gateway.violations.isEmpty,
      """
      seed \(script.seed) (\(script.weather)): \(gateway.violations.joined(separator: "\n  "))
      replay: NEEDLETAIL_SEED=\(script.seed) swift test --filter SimulationTests
      """)
  }
}

enum Seeds {
  /// Those of every `make test`: four of each weather. One alone when the environment names it.
  static let fixed: [UInt64] = {
    if let text = getenv("NEEDLETAIL_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
    return Array(0..<28)
  }()
}
