import ArgumentParser
import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport

/// Challengers that are equal, subtly worse and better are tried on a gateway whose users click by hidden tastes: what
/// becomes of them, how soon, and how many users saw them.
struct Canary: ScenarioCommand {
  static let scenario = "canary"
  static let summary = "challengers beside the champion, judged by simulated clicks: equal, worse, better"

  @OptionGroup var common: ScenarioOptions
  @Option(help: "Items of the catalogue.") var items = 3_000
  @Option(help: "Users with vectors and history.") var users = 10_000
  @Option(help: "Numbers in a vector.") var dimensions = 32
  @Option(help: "Noise on the worse model's item vectors, in shares of their length.") var noise: Float = 0.5
  @Option(help: "Pages a second: a list each, 10 items shown.") var rate = 800.0
  @Option(help: "Percent of the users, step by step.") var steps = "1,10,50,100"
  @Option(help: "Seconds that a step lasts at least.") var stepSeconds = 15
  @Option(help: "Impressions that a step lasts at least.") var impressions = 1_000
  @Option(help: "Trials of an equal challenger.") var equalTrials = 2
  @Option(help: "Seconds after which a trial without a verdict is a failure.") var timeout = 240.0
  @Option(help: "Folder that keeps the catalogue; else var of this checkout.") var cache: String?

  var described: [String: String] {
    [
      "items": "\(items)", "users": "\(users)", "dimensions": "\(dimensions)", "noise": "\(noise)", "rate": "\(rate)",
      "steps": steps, "stepSeconds": "\(stepSeconds)", "impressions": "\(impressions)", "equalTrials": "\(equalTrials)",
    ]
  }

  func validate() throws {
    guard items >= 500, users >= 500, (2...1024).contains(dimensions), rate > 0, stepSeconds >= 0, impressions >= 0,
      equalTrials >= 0, timeout > 0
    else {
      throw ValidationError("--items and --users are at least 500, --dimensions 2 to 1024, the others not below 0")
    }
  }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let catalogue = try TasteCatalogue(items: items, users: users, dimensions: dimensions, folder: cache)
    try catalogue.make()
    note("working out what \(users) users like of \(items) items")
    let taste = try TasteClicks(catalogue)
    let good = catalogue.buildArguments
    let bad = try catalogue.noisy(noise, seed: 7, in: lab.subfolder("noisy"))
    var trials = (0..<equalTrials).map { number in
      Trial(name: "equal \(number + 1)", champion: good, challenger: good, expected: .promoted)
    }
    trials.append(Trial(name: "worse", champion: good, challenger: bad, expected: .rejected))
    trials.append(Trial(name: "better", champion: bad, challenger: good, expected: .promoted))
    var table = TextTable([
      "challenger", "verdict", "after", "share", "users who saw it", "its impressions", "clicks against the champion's",
      "with 97.5 % confidence",
    ])
    for (number, trial) in trials.enumerated() {
      note("trial: \(trial.name)")
      let outcome = try run(trial, lab, taste, seed: UInt64(number + 1))
      show(outcome, of: trial, &table, &report)
    }
    report.add(
      heading: "Challengers tried beside the champion",
      text: "\(Format.count(rate)) pages a second, 10 items each; steps of \(steps) % of the users, each at least "
        + "\(stepSeconds) s and \(impressions) impressions; clicks by true tastes and position.")
    report.add(table)
  }

  // MARK: A trial.

  private struct Trial {
    enum Verdict: String { case promoted, rejected, none }
    let name: String
    let champion, challenger: [String]
    let expected: Verdict
  }

  private struct Outcome {
    var verdict = Trial.Verdict.none
    var detail = ""
    var seconds = 0.0
    /// Clicks that the challenger loses or gains, in shares of the champion's rate, as the gateway estimates it: each step
    /// compared within itself. The rates of the whole trial tell less, since the champion has more of its beginning.
    var change: (estimate: Double, low: Double, high: Double)?
    /// The largest of the users who were to see the challenger.
    var share = 0.0
    var crowd = ClickingCrowd.Report()
    var isSettled = false
    /// Users who were sent back to the champion while the trial went on.
    var back = 0
  }

  private struct Status: Decodable {
    struct Canary: Decodable {
      struct Guardrail: Decodable {
        let guardrail: String
        let margin, marginLow, marginHigh: Double?
      }
      let share: Double
      let guardrails: [Guardrail]
    }
    struct Version: Decodable {
      let version: Int
      let state: String
      let reason: String?
      let detail: String
    }
    let serving: Int?
    let canary: Canary?
    let versions: [Version]
  }

  private func run(_ trial: Trial, _ lab: Lab, _ taste: TasteClicks, seed: UInt64) throws -> Outcome {
    let repository = try lab.subfolder("repository")
    try build(lab, trial.champion, repository)
    let folder = "\(repository)/models/\(Catalogue.model)"
    // Before the second is there: without an alias the newest version serves everybody at once.
    try setAliases("{\"champion\":1}", folder)
    try build(lab, trial.challenger, repository)
    let gateway = try GatewayProcess(lab, repository: repository, settings: settings, workers: 1).waitUntilReady()
    let crowd = ClickingCrowd(taste, port: gateway.port, pagesPerSecond: rate, seed: seed)
    pause(seconds: 2)
    try setAliases("{\"champion\":1,\"challenger\":2}", folder)
    var outcome = try awaitVerdict(gateway, crowd)
    // Everybody is on one side now: what comes from here on is not the trial's.
    let last = outcome.verdict == .promoted ? 2 : 1
    let isSettled = try waitUntil(within: 10) { () throws(LabError) in
      let before = crowd.report
      pause(seconds: 0.5)
      let after = crowd.report
      return after.answers > before.answers
        && after.sides.allSatisfy { $0.key == last || $0.value.impressions == before.sides[$0.key]?.impressions }
    }
    outcome.isSettled = isSettled
    _ = crowd.stop()
    gateway.process.end()
    return outcome
  }

  private func awaitVerdict(_ gateway: GatewayProcess, _ crowd: ClickingCrowd) throws -> Outcome {
    var outcome = Outcome()
    let began = monotonicSeconds()
    var lastShare = 0.0
    while outcome.verdict == .none, monotonicSeconds() - began < timeout {
      pause(seconds: 0.25)
      let seen = crowd.report
      let answer = try gateway.admin("GET", "/admin/v1/models/\(Catalogue.model)")
      guard let status = try? JSONDecoder().decode(Status.self, from: Data(answer.body.utf8)) else {
        throw LabError.trouble("the admin listener says nothing of a canary: \(answer.body.prefix(300))")
      }
      // Seen before the gateway said that the trial goes on: nobody can have been sent back for a verdict.
      if status.canary != nil { outcome.back = seen.back }
      outcome.crowd = seen
      outcome.seconds = monotonicSeconds() - began
      if let canary = status.canary {
        outcome.share = max(outcome.share, canary.share)
        if canary.share != lastShare {
          note("  \(Format.percent(canary.share)) of the users after \(Format.digits(outcome.seconds)) s")
        }
        lastShare = canary.share
        let clicks = canary.guardrails.first { $0.guardrail == "clicks" }
        if let estimate = clicks?.margin, let low = clicks?.marginLow, let high = clicks?.marginHigh {
          outcome.change = (estimate - lossMax, low - lossMax, high - lossMax)
        }
      }
      if status.serving == 2 { outcome.verdict = .promoted }
      if let failed = status.versions.last(where: { $0.version == 2 && $0.reason == "canary_failed" }) {
        (outcome.verdict, outcome.detail) = (.rejected, failed.detail)
      }
    }
    return outcome
  }

  /// `canary.ctrLossMax`, from which margins count.
  private var lossMax: Double { 0.02 }

  private var settings: GatewayConfig {
    [
      // Each user's own list, so that it is the vectors that are compared and not a handful of segments.
      "placements.home.scope": "user", "canary.steps": .list(steps.split(separator: ",").map(String.init)),
      "canary.stepDurationMin": .text("\(stepSeconds)s"), "canary.minImpressions": .number(impressions),
      "canary.ctrLossMax": .text("\(lossMax)"), "canary.lookInterval": "500ms", "snapshots.pollInterval": "200ms",
    ]
  }

  private func build(_ lab: Lab, _ arguments: [String], _ repository: String) throws {
    try lab.run(
      "snapshot-build",
      [lab.needletail, "snapshot", "build", "--repository", repository, "--model", Catalogue.model] + arguments,
      within: 600)
  }

  /// As a publisher would: whole, by a rename.
  private func setAliases(_ text: String, _ folder: String) throws {
    try Data((text + "\n").utf8).write(to: URL(filePath: "\(folder)/aliases.json"), options: .atomic)
  }

  // MARK: The report.

  private func show(_ outcome: Outcome, of trial: Trial, _ table: inout TextTable, _ report: inout ScenarioReport) {
    let old = outcome.crowd.sides[1] ?? ClickingCrowd.Side()
    let new = outcome.crowd.sides[2] ?? ClickingCrowd.Side()
    let all = old.users.union(new.users).count
    let exposed = Double(new.users.count) / Double(max(1, all))
    func signed(_ change: Double) -> String { "\(change < 0 ? "−" : "+")\(Format.percent(abs(change)))" }
    table.add([
      trial.name, outcome.verdict.rawValue, "\(Format.digits(outcome.seconds)) s", Format.percent(outcome.share),
      Format.percent(exposed), Format.count(Double(new.impressions)), outcome.change.map { signed($0.estimate) } ?? "",
      outcome.change.map { "\(signed($0.low)) to \(signed($0.high))" } ?? "",
    ])
    report.note(
      trial.name,
      [
        "verdict": .text(outcome.verdict.rawValue), "seconds": .rounded(outcome.seconds, places: 1),
        "share": .number(outcome.share),
        "clickChange": outcome.change.map { .rounded($0.estimate, places: 4) } ?? .null,
        "usersExposedShare": .rounded(exposed, places: 4),
        "challengerImpressions": .number(Double(new.impressions)),
        "clickThroughChallenger": .rounded(new.clickThrough, places: 5),
        "clickThroughChampion": .rounded(old.clickThrough, places: 5), "detail": .text(outcome.detail),
      ])
    if !outcome.detail.isEmpty { report.add(text: "\(trial.name): \(outcome.detail)") }
    report.check(
      outcome.verdict == trial.expected,
      "\(trial.name): the verdict is \(outcome.verdict.rawValue), not \(trial.expected.rawValue)")
    report.check(outcome.isSettled, "\(trial.name): after the verdict some users still saw the other version")
    report.check(outcome.back == 0, "\(trial.name): \(outcome.back) users went back to the champion")
    report.check(
      outcome.crowd.wrong == 0,
      "\(trial.name): \(outcome.crowd.wrong) answers were not as they should be: \(outcome.crowd.complaint ?? "")")
  }
}
