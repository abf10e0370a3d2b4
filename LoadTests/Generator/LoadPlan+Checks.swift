internal import Glibc

extension LoadPlan {
  /// What can be refused before a single connection is made.
  func check() throws(LoadError) {
    guard durationSeconds > 0, durationSeconds <= 86_400 else {
      throw LoadError("the duration must be above 0 and at most a day")
    }
    guard warmUpSeconds >= 0, warmUpSeconds <= 3_600 else { throw LoadError("the warm-up must be 0 to 3600 s") }
    if arrivals != .closed && trace == nil {
      guard ratePerSecond > 0, ratePerSecond <= 10_000_000 else {
        throw LoadError("the rate must be above 0 requests a second")
      }
    }
    guard threads >= 1, threads <= 64 else { throw LoadError("threads must be 1 to 64") }
    guard connections >= threads, connections <= 60_000 else {
      // A client address has some 64,000 ports for one server address.
      throw LoadError("connections must be at least one a thread (\(threads)) and at most 60000")
    }
    // As many bits as a connection has for its place in the lists of available ones.
    guard (1...64).contains(pipelineDepth) else { throw LoadError("the pipeline depth must be 1 to 64") }
    guard (10...600_000).contains(timeoutMilliseconds) else {
      throw LoadError("the timeout must be 10 ms to 10 minutes")
    }
    guard trace == nil || arrivals != .closed else {
      throw LoadError("a trace has its own times: it cannot be replayed in a closed loop")
    }
    guard traceSpeed > 0 else { throw LoadError("the speed must be above 0") }
    guard trace.map({ $0.count > 0 }) ?? true else { throw LoadError("the trace is empty") }
  }

  /// Each connection is a descriptor.
  func raiseFileLimit() throws(LoadError) {
    let wanted = rlim_t(connections + 64)
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    guard limit.rlim_cur < wanted else { return }
    guard limit.rlim_max >= wanted else {
      throw LoadError("\(connections) connections need \(wanted) file descriptors, and ulimit -Hn is \(limit.rlim_max)")
    }
    limit.rlim_cur = wanted
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  var settings: RunSettings {
    RunSettings(
      url: target.text, workload: workload.name, arrivals: trace == nil ? arrivals.rawValue : "replay",
      ratePerSecond: arrivals == .closed || trace != nil ? nil : ratePerSecond, warmUpSeconds: warmUpSeconds,
      durationSeconds: durationSeconds, connections: connections, threads: threads, pipelineDepth: pipelineDepth,
      timeoutMilliseconds: timeoutMilliseconds, seed: seed, slo: slo?.description, goodWithinMicroseconds: goodWithin)
  }
}
