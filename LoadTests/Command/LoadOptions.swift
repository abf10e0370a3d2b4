import ArgumentParser
import LoadGenerator

enum LoadKitVersion {
  static var text: String { LoadKit.version }
}

/// The options that every command with a target has.
struct LoadOptions: ParsableArguments {
  @Option(help: "The server: http://host:port or unix:/path.") var url = "http://127.0.0.1:8080"
  @Option(help: "File that says who asks for what; without it, Zipf users of `needletail quickstart` ask for home.")
  var workload: String?
  @Option(help: "poisson, constant, or closed (see --closed).") var arrivals = "poisson"
  @Flag(help: "Closed loop: each connection asks again when it has its answer. Hides stalls; for peak rates only.")
  var closed = false
  @Option(help: "Keep-alive connections.") var connections = 64
  @Option(help: "Generator threads.") var threads = 1
  @Option(help: "Requests on one connection that may wait for their answers.") var pipeline = 1
  @Option(help: "How long a client waits, from the planned start.") var timeout = "1s"
  @Option(help: "Load before the figures begin.") var warmUp = "1s"
  @Option(help: "The same seed makes the same requests at the same planned times.") var seed: UInt64 = 1
  @Option(help: "Objectives, as in p99=2ms,errors=0,l1:p99.9=1ms,goodput=99%; exit code 1 when one is missed.")
  var slo: String?
  @Option(help: "Spin instead of sleeping when the next start is nearer than this. Costs a core; 0us sleeps always.")
  var spin = "0us"
  @Flag(help: "Do not look into bodies.") var noVerify = false
  @Flag(help: "Ask a GET once more whose connection ended before its answer began, as browsers do.") var retry = false
  @Option(help: "Append each result to this file as a line of JSON.") var out: String?
  @Option(help: "Write a page with tables and latency curves to this file, to open in a browser.") var report: String?
  @Flag(name: .shortAndLong, help: "No progress while it runs.") var quiet = false

  func plan(ratePerSecond: Double, durationSeconds: Double) throws -> LoadPlan {
    let work = try workload.map { try Workload(path: $0) } ?? .standard
    var plan = LoadPlan(
      target: try LoadTarget(url), workload: work, ratePerSecond: ratePerSecond, durationSeconds: durationSeconds)
    guard let arrivals = closed ? .closed : Arrivals(rawValue: arrivals) else {
      throw LoadError(
        "--arrivals: \"\(arrivals)\" is none of: \(Arrivals.allCases.map(\.rawValue).joined(separator: " "))")
    }
    plan.arrivals = arrivals
    plan.connections = connections
    plan.threads = threads
    plan.pipelineDepth = pipeline
    plan.timeoutMilliseconds = Int((try Duration.seconds("--timeout", timeout) * 1_000).rounded())
    plan.warmUpSeconds = try Duration.seconds("--warm-up", warmUp)
    plan.seed = seed
    plan.slo = try slo.map { try SLO($0) }
    plan.spinMicroseconds = try Duration.seconds("--spin", spin) * 1e6
    plan.verifiesBodies = !noVerify
    plan.retriesLostGets = retry
    return plan
  }
}

extension Duration {
  /// A duration with its unit.
  static func seconds(_ name: String, _ text: String) throws -> Double {
    guard let seconds = LoadKit.seconds(text) else {
      throw LoadError("\(name): \"\(text)\" is no duration; write 500us, 20ms or 5s")
    }
    return seconds
  }
}
