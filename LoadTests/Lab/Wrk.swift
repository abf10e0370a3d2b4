internal import FoundationEssentials

/// What one run of wrk found. A closed loop: its percentiles are those of connections that queue for one server at full
/// load, not what one visitor waits.
public struct WrkFigures: Codable, Sendable, Equatable {
  public let requests: Int
  public let microseconds: Double
  public let p50: Double
  public let p99: Double
  public let p999: Double
  public let max: Double
  /// Connections, reads and writes that failed, time-outs, and statuses other than 2xx and 3xx.
  public let errors: Int

  public var requestsPerSecond: Double { Double(requests) / (microseconds / 1e6) }

  static func parse(_ output: String) -> WrkFigures? {
    for line in output.split(separator: "\n") where line.hasPrefix("JSON ") {
      return try? JSONDecoder().decode(WrkFigures.self, from: Data(line.dropFirst(5).utf8))
    }
    return nil
  }
}

/// What answering cost: processor time of the server's processes by the kernel's account, over the requests.
public struct RequestCost: Sendable, Equatable {
  public let figures: WrkFigures
  public let cpuMicroseconds: Double
}

extension Lab {
  /// One measurement by wrk, a closed loop of kept-alive connections.
  ///
  /// - Parameters:
  ///   - targets: asked for in turn; a single one is sent as fast as wrk can.
  ///   - processes: whose processor time counts, their children's too.
  ///   - threads: of wrk; its connections are shared out among them.
  public func measure(
    port: Int, targets: [String], processes: [LabProcess], seconds: Int, connections: Int, threads: Int = 1,
    cpus: [Int]
  ) throws(LabError) -> RequestCost {
    let file = try subfolder("targets") + "/targets.txt"
    try write(targets.map { $0 + "\n" }.joined(), to: file)
    let pids = processes.flatMap(\.pids)
    let wrk = try start(
      "wrk",
      [
        "wrk", "-t\(threads)", "-c\(connections)", "-d\(seconds)s", "-s", try Checkout.library("load.lua"),
        "http://127.0.0.1:\(port)", "--", file,
      ], cpus: cpus)
    let before = ProcessTable.cpuSeconds(pids)
    guard wrk.waitForEnd(within: Double(seconds) + 15) else { throw .trouble("wrk did not end:\n\(wrk.said())") }
    let spent = ProcessTable.cpuSeconds(pids) - before
    guard let figures = WrkFigures.parse(wrk.output), figures.requests > 0 else {
      throw .trouble("wrk had no answer from port \(port):\n\(wrk.said())")
    }
    return RequestCost(figures: figures, cpuMicroseconds: spent / Double(figures.requests) * 1e6)
  }
}
