import Glibc
import Reactor
import Testing

/// The whole gateway on a virtual clock, under everything that a seed can bring.
///
/// A failure prints its seed; `NEEDLETAIL_SEED=17 swift test --filter SimulationTests` plays that run alone, in the
/// weather that `NEEDLETAIL_WEATHER` names or its own, and with `NEEDLETAIL_TRACE=1` tells every event of it.
@Suite(.serialized) struct SimulationTests {
  @Test(arguments: Environment.seeds)
  func `a run keeps every promise`(seed: UInt64) throws { try play(seed) }

  /// `make soak`: seeds that nobody has seen, until the time is over.
  @Test(.enabled(if: Environment.soakSeconds != nil))
  func `runs of random seeds keep every promise`() throws {
    let end = time(nil) + (Environment.soakSeconds ?? 0)
    var runs = 0
    while time(nil) < end {
      try play(.random(in: 0...9_999_999_999))
      runs += 1
    }
    print("\(runs) seeds were played")
  }

  private func play(_ seed: UInt64) throws {
    let script = Environment.weather.map { Script(seed: seed, weather: $0) } ?? Script(seed: seed)
    let gateway = try GatewayWorld(script, trace: Environment.traces ? { print($0) } : nil)
    try gateway.run()
    if Environment.seed != nil { print("seed \(seed), \(gateway.report)") }
    let weather = "\(script.weather)"
    #expect(
      gateway.violations.isEmpty,
      """
      seed \(seed) (\(weather)): \(gateway.violations.joined(separator: "\n  "))
      replay: NEEDLETAIL_SEED=\(seed) NEEDLETAIL_WEATHER=\(weather) swift test --filter SimulationTests
      """)
  }
}

/// Whether a seed is all that decides.
@Suite(.serialized) struct DeterminismTests {
  @Test(arguments: Script.Weather.allCases)
  func `the same seed is the same run, event by event`(weather: Script.Weather) throws {
    let digests = try (0..<2).map { _ in try digest(weather) }
    #expect(digests[0] == digests[1], "\(weather)")
  }

  /// Hash seeds and addresses differ from process to process; runs must not.
  @Test func `the same seed is the same run in another process`() throws {
    let heard = try #require(digestOfAnotherProcess())
    #expect(try digest(.storm) == heard)
  }

  @Test(.enabled(if: Environment.tellsDigest))
  func `tell the digest to the process that asks`() throws {
    print("\ndigest \(try digest(.storm))")
  }

  private func digest(_ weather: Script.Weather) throws -> UInt64 {
    var script = Script(seed: 4711, weather: weather)
    (script.seconds, script.nodes) = (1, 2)
    let gateway = try GatewayWorld(script)
    try gateway.run()
    return gateway.world.digest
  }

  private func digestOfAnotherProcess() -> UInt64? {
    var path = [CChar](repeating: 0, count: 4096)
    guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return nil }
    let program = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let command = "NEEDLETAIL_TELL_DIGEST=1 '\(program)' --testing-library swift-testing --filter 'tell the digest'"
    guard let output = popen(command, "r") else { return nil }
    defer { pclose(output) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), output) != nil {
      let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("digest ") { return UInt64(text.dropFirst(7)) }
    }
    return nil
  }
}

enum Environment {
  private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  static let seed = value("NEEDLETAIL_SEED").flatMap { UInt64($0) }
  static let weather = value("NEEDLETAIL_WEATHER").flatMap { name in
    Script.Weather.allCases.first { "\($0)" == name }
  }
  static let traces = value("NEEDLETAIL_TRACE") != nil
  static let tellsDigest = value("NEEDLETAIL_TELL_DIGEST") != nil
  static let soakSeconds = value("NEEDLETAIL_SOAK_SECONDS").flatMap { Int($0) }
  /// Those of every `make test`: two of each weather. One alone when the environment names it.
  static let seeds: [UInt64] = seed.map { [$0] } ?? Array(0..<18)
}
