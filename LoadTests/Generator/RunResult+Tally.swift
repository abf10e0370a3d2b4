extension RunResult {
  init(
    _ plan: LoadPlan, reports: [ThreadReport], measuredSeconds: Double, isPartial: Bool, startedAt: String,
    environment: RunEnvironment, marks: [RunMark]
  ) {
    var tally = reports[0].tally
    for report in reports.dropFirst() { tally.add(report.tally) }
    name = plan.name ?? plan.workload.name
    self.startedAt = startedAt
    self.environment = environment
    settings = plan.settings
    self.isPartial = isPartial
    validity = RunValidity(tally.lag, reports)
    counts = RunCounts(tally, measuredSeconds)
    response = tally.all.response.summary(withCurve: true)
    service = tally.all.service.summary(withCurve: true)
    for tier in Tier.allCases where tally.tiers[Int(tier.rawValue)].count > 0 {
      tiers[tier.name] = OutcomeResult(tally.tiers[Int(tier.rawValue)])
    }
    for (status, outcome) in tally.statuses { statuses[String(status)] = OutcomeResult(outcome) }
    // Phases may ask under one name for different things; the name is what people look for.
    var byName: [String: Tally.Outcome] = [:]
    for (place, name) in RequestSource(plan, thread: 0).names.enumerated() where tally.requests[place].count > 0 {
      byName[name, default: Tally.Outcome()].add(tally.requests[place])
    }
    requests = byName.mapValues { OutcomeResult($0) }
    for kind in ErrorKind.allCases where tally.count(of: kind) > 0 { errors[kind.rawValue] = tally.count(of: kind) }
    if tally.impressions > 0 { events["impression"] = tally.impressions }
    if tally.clicks > 0 { events["click"] = tally.clicks }
    for (version, count) in tally.models { models[String(version)] = count }
    faults = Array(tally.faults.prefix(5))
    let seconds = min(tally.seconds.count, Int(measuredSeconds.rounded(.up)))
    series = (0..<seconds).map { tally.seconds[$0].sample($0) }
    self.marks = marks
    slo = plan.slo.map { $0.verdicts(tally, measuredSeconds) } ?? []
  }
}

extension RunValidity {
  init(_ lag: HDRHistogram, _ reports: [ThreadReport]) {
    self.lag = lag.summary()
    let shares = reports.map { $0.wallNanoseconds > 0 ? Double($0.cpuNanoseconds) / Double($0.wallNanoseconds) : 0 }
    cpuShare = ((shares.max() ?? 0) * 1_000).rounded() / 1_000
    reasons = []
    if self.lag.p99Microseconds > RunValidity.lagP99MicrosecondsMax {
      reasons.append(
        "the generator was late itself: lag p99 \(Figures.duration(self.lag.p99Microseconds)), at most 1ms is allowed; "
          + "lower the rate, or give it a core of its own")
    }
    if cpuShare > RunValidity.cpuShareMax {
      reasons.append(
        "the generator was busy itself: \(Figures.percent(cpuShare)) of a core, at most 80% is allowed; use more --threads"
      )
    }
    isValid = reasons.isEmpty
  }
}

extension RunCounts {
  init(_ tally: Tally, _ measuredSeconds: Double) {
    self.measuredSeconds = measuredSeconds
    offered = tally.offered
    started = tally.started
    completed = tally.completed
    good = tally.all.good
    late = tally.late
    dropped = tally.count(of: .dropped)
    errors = tally.errors.reduce(0, +)
    connects = tally.connects
    connectFailures = tally.connectFailures
    retries = tally.retries
    bytesReceived = tally.bytesReceived
  }
}

extension OutcomeResult {
  init(_ outcome: Tally.Outcome) {
    count = outcome.count
    good = outcome.good
    response = outcome.response.summary()
    service = outcome.service.summary()
  }
}

extension SLO {
  /// Each objective, in the order written.
  func verdicts(_ tally: Tally, _ measuredSeconds: Double) -> [ObjectiveResult] {
    objectives.map { objective in
      let (isMet, measured) = verdict(objective, tally, measuredSeconds)
      return ObjectiveResult(objective: objective.text, isMet: isMet, measured: measured)
    }
  }

  private func verdict(_ objective: Objective, _ tally: Tally, _ seconds: Double) -> (Bool, String) {
    switch (objective.figure, objective.bound) {
    case (.percentile(let quantile, let tier), .microseconds(let limit)):
      let outcome = tier.flatMap { Tier(name: $0) }.map { tally.tiers[Int($0.rawValue)] } ?? tally.all
      // An objective about answers that never came has not been shown to hold.
      guard outcome.count > 0 else { return (false, "no answers") }
      let value = Double(outcome.response.nanoseconds(atQuantile: quantile)) / 1_000
      return (value <= limit, Figures.duration(value))
    case (.errors, let bound):
      let errors = tally.errors.reduce(0, +)
      return count(errors, bound, of: tally.offered)
    case (.dropped, let bound):
      return count(tally.count(of: .dropped), bound, of: tally.offered)
    case (.goodput, .share(let share)):
      guard tally.offered > 0 else { return (false, "no requests") }
      let measured = Double(tally.all.good) / Double(tally.offered)
      return (measured >= share, Figures.percent(measured))
    case (.goodput, .perSecond(let rate)):
      let measured = Double(tally.all.good) / seconds
      return (measured >= rate, Figures.rate(measured))
    default: fatalError("the grammar makes no such objective: \(objective.text)")
    }
  }

  private func count(_ count: UInt64, _ bound: Bound, of offered: UInt64) -> (Bool, String) {
    switch bound {
    case .share(let share):
      let measured = offered == 0 ? 0 : Double(count) / Double(offered)
      return (measured <= share, Figures.percent(measured))
    case .count(let limit): return (Double(count) <= limit, "\(count)")
    default: fatalError("the grammar makes no such bound")
    }
  }
}
