import Configuration

// Verdicts: thresholds beside figures. Nothing is measured here, and no clock is read.
extension GateReport {
  /// - Parameter isPinned: an operator wants this very version: what compares with the live one is told, not enforced.
  init(judging figures: GateFigures, by settings: GateSettings, isPinned: Bool = false) {
    var judge = GateJudge(settings: settings, comparesStrictly: settings.comparesStrictly && !isPinned)
    judge.judgeAlone(figures)
    if let live = figures.live { judge.judge(figures, beside: live) }
    self = judge.report
  }
}

/// Goes through the figures and writes a sentence for each that names value and threshold.
struct GateJudge {
  let settings: GateSettings
  let comparesStrictly: Bool
  var report = GateReport()

  /// Fewer lists than this say nothing of a mean.
  static let listsMin = 10
  /// Fewer numbers say nothing of a distribution: two samples of 100 of the same one are 0.19 apart once in twenty times.
  static let numbersMin = 100
  /// A list that is made within this is quick, however much quicker it was before: 200 items that became 5,000.
  static let quickMicroseconds = 1_000.0

  mutating func judgeAlone(_ figures: GateFigures) {
    note(
      .finiteValues, figures.itemNotFinite == nil ? 1 : 0, atLeast: 1,
      figures.itemNotFinite.map { "the vector of item \"\($0)\", or its score, is not finite" }
        ?? "every number is finite")
    judgeProbes(figures)
    judge(figures.coverage)
    guard figures.listsMade >= Self.listsMin else {
      return unjudged(
        .latency, "too few lists could be made to judge: \(figures.listsMade), of at least \(Self.listsMin)")
    }
    note(
      .latency, figures.medianMicroseconds / 1e6, atMost: Double(settings.latencyMillisecondsMax) / 1000,
      "a list takes \(rounded(figures.medianMicroseconds)) µs in the median of \(figures.listsMade) on this node; "
        + "gates.latencyMax is \(settings.latencyMillisecondsMax) ms")
  }

  private mutating func judgeProbes(_ figures: GateFigures) {
    guard figures.probes > 0 else { return unjudged(.probeRecall, "the snapshot brings no probes") }
    note(
      .probeRecall, figures.probeRecall, atLeast: settings.probeRecallMin,
      "the index finds \(rounded(figures.probeRecall)) of the exact answers to its \(figures.probes) probes; "
        + "gates.probeRecallMin is \(rounded(settings.probeRecallMin))")
  }

  private mutating func judge(_ coverage: GateFigures.Coverage) {
    guard coverage.lists >= Self.listsMin else {
      return unjudged(
        .coverage, "too few lists of users could be made to judge: \(coverage.lists), of at least \(Self.listsMin)")
    }
    note(
      .coverage, coverage.share, atLeast: settings.coverageMin,
      "\(coverage.differing) different items stand in \(coverage.places) places of sampled lists, of a catalogue of "
        + "\(coverage.items): \(rounded(coverage.share)) of what is possible; gates.coverageMin is "
        + rounded(settings.coverageMin))
  }

  mutating func judge(_ figures: GateFigures, beside live: GateFigures.Live) {
    judgeShape(dimension: figures.dimension, items: figures.items, beside: live)
    kept(.itemsKept, live.itemsKept, atLeast: settings.itemsKeptMin, "items", "itemsKeptMin", live)
    kept(.usersKept, live.usersKept, atLeast: settings.usersKeptMin, "known users", "usersKeptMin", live)
    overlap(.overlapUsers, live.users, atLeast: settings.overlapUsersMin, "known users", "overlapUsersMin", live)
    overlap(.overlapWindows, live.windows, atLeast: settings.overlapWindowsMin, "windows", "overlapWindowsMin", live)
    overlap(
      .overlapSegments, live.segments, atLeast: settings.overlapSegmentsMin, "users' segments", "overlapSegmentsMin",
      live)
    overlap(.overlapItems, live.similar, atLeast: settings.overlapItemsMin, "similar items", "overlapItemsMin", live)
    distance(.scoreDistanceUsers, live.userScores, "scores for known users", "scoreDistanceMax", live)
    distance(.scoreDistanceWindows, live.windowScores, "scores for windows", "scoreDistanceMax", live)
    distance(.normDistanceItems, live.itemNorms, "lengths of item vectors", "normDistanceMax", live)
    distance(.normDistanceUsers, live.userNorms, "lengths of user vectors", "normDistanceMax", live)
    judgeRatios(figures, beside: live)
  }

  /// Of what a manifest says too, before anything is pulled.
  mutating func judgeShape(dimension: Int?, items: Int?, beside live: GateFigures.Live) {
    if let dimension {
      let sentence =
        "the vectors have \(dimension) dimensions; version \(live.version), which serves, has \(live.dimension)"
      note(
        .dimension, passed: dimension == live.dimension || settings.dimensionMayChange, value: Double(dimension),
        threshold: Double(live.dimension),
        dimension == live.dimension || settings.dimensionMayChange
          ? sentence : sentence + ", and gates.dimensionMayChange is false")
    }
    if let items, live.items > 0 {
      let ratio = Double(items) / Double(live.items)
      note(
        .itemCount, ratio, atLeast: 1 - settings.itemDropMax,
        "\(items) items, \(rounded(ratio)) times the \(live.items) of version \(live.version), which serves; "
          + "gates.itemDropMax is \(rounded(settings.itemDropMax))")
    }
  }

  private mutating func judgeRatios(_ figures: GateFigures, beside live: GateFigures.Live) {
    if figures.coverage.lists >= Self.listsMin, live.coverage.differing > 0 {
      let coverage = Double(figures.coverage.differing) / Double(live.coverage.differing)
      note(
        .coverageRatio, coverage, atLeast: settings.coverageRatioMin,
        "sampled lists name \(figures.coverage.differing) different items, those of version \(live.version), which "
          + "serves, \(live.coverage.differing): \(rounded(coverage)) times; gates.coverageRatioMin is "
          + rounded(settings.coverageRatioMin))
    } else {
      unjudged(.coverageRatio, "too few lists of users could be made to judge")
    }
    guard figures.listsMade >= Self.listsMin, live.medianMicroseconds > 0 else {
      return unjudged(.latencyRatio, "too few lists could be made to judge")
    }
    let latency = figures.medianMicroseconds / live.medianMicroseconds
    note(
      .latencyRatio,
      passed: latency <= settings.latencyRatioMax || figures.medianMicroseconds < Self.quickMicroseconds,
      value: latency, threshold: settings.latencyRatioMax,
      "a list takes \(rounded(figures.medianMicroseconds)) µs, by version \(live.version), which serves, "
        + "\(rounded(live.medianMicroseconds)) µs: \(rounded(latency)) times; gates.latencyRatioMax is "
        + rounded(settings.latencyRatioMax))
  }

  // MARK: Kinds of gates.

  private mutating func kept(
    _ gate: Gate, _ share: GateFigures.Share, atLeast least: Double, _ what: String, _ key: String,
    _ live: GateFigures.Live
  ) {
    guard share.asked > 0 else { return unjudged(gate, "version \(live.version), which serves, has no \(what)") }
    note(
      gate, share.value, atLeast: least,
      "\(share.found) of \(share.asked) sampled \(what) of version \(live.version), which serves, are still there: "
        + "\(rounded(share.value)); gates.\(key) is \(rounded(least))")
  }

  private mutating func overlap(
    _ gate: Gate, _ lists: GateFigures.Lists, atLeast least: Double, _ what: String, _ key: String,
    _ live: GateFigures.Live
  ) {
    guard lists.compared >= Self.listsMin else {
      return unjudged(gate, "\(lists.compared) lists could be compared, too few to judge: at least \(Self.listsMin)")
    }
    note(
      gate, lists.mean, atLeast: least,
      "lists for \(lists.compared) \(what) share \(rounded(lists.mean)) of their items with those of version "
        + "\(live.version), which serves; gates.\(key) is \(rounded(least))")
  }

  private mutating func distance(
    _ gate: Gate, _ distance: GateFigures.Distance, _ what: String, _ key: String, _ live: GateFigures.Live
  ) {
    guard distance.samples >= Self.numbersMin else {
      return unjudged(
        gate, "\(distance.samples) numbers could be compared, too few to judge: at least \(Self.numbersMin)")
    }
    let most = key == "scoreDistanceMax" ? settings.scoreDistanceMax : settings.normDistanceMax
    note(
      gate, distance.value, atMost: most,
      "the \(what) are \(rounded(distance.value)) away from those of version \(live.version), which serves "
        + "(Kolmogorov-Smirnov); gates.\(key) is \(rounded(most))")
  }

  // MARK: Notes.

  private mutating func note(_ gate: Gate, _ value: Double, atLeast least: Double, _ sentence: String) {
    note(gate, passed: value >= least, value: value, threshold: least, sentence)
  }

  private mutating func note(_ gate: Gate, _ value: Double, atMost most: Double, _ sentence: String) {
    note(gate, passed: value <= most, value: value, threshold: most, sentence)
  }

  private mutating func unjudged(_ gate: Gate, _ sentence: String) {
    note(gate, passed: true, value: nil, threshold: nil, sentence)
  }

  private mutating func note(_ gate: Gate, passed: Bool, value: Double?, threshold: Double?, _ sentence: String) {
    report.note(
      .init(
        gate: gate, passed: passed, isEnforced: !gate.comparesWithLive || comparesStrictly, value: value,
        threshold: threshold, sentence: sentence))
  }
}
