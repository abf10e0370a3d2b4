import Bytes
import FoundationEssentials
import HTTP
import RepositoryServer
import Telemetry
import Trainer

extension TrainerService {
  /// The pages beside the repository.
  func answer(_ request: ServerRequest) -> ServerAnswer? {
    switch (request.method, request.path) {
    case (.get, "/livez"), (.head, "/livez"): return .json(#"{"status":"ok"}"#)
    case (.get, "/readyz"), (.head, "/readyz"):
      return isReady ? .json(#"{"status":"ready"}"#) : .problem(503, notReady)
    case (.get, "/status"), (.head, "/status"): return .json(TrainerStatus(self).json)
    case (.get, "/metrics"), (.head, "/metrics"):
      return ServerAnswer(status: 200, contentType: "text/plain; version=0.0.4", body: metrics())
    case (.post, "/train"): return train(request)
    default: return nil
    }
  }

  private var notReady: String {
    if isEnding { return "This trainer is ending." }
    return
      "No version of \(options.model) is published yet: the first training is under way, or has failed; see /status."
  }

  private func train(_ request: ServerRequest) -> ServerAnswer {
    guard request.isAuthorised else {
      var answer = ServerAnswer.problem(401, "POST /train needs the token of --token-file.")
      answer.fields.append(("WWW-Authenticate", "Bearer"))
      return answer
    }
    self.request()
    return .json(#"{"schemaVersion":1,"state":"\#(TrainerStatus(self).state)"}"#, status: 202)
  }

  // MARK: - Metrics

  private func metrics() -> [UInt8] {
    var page = PrometheusText()
    page.family("trainer_runs_total", .counter, "Trainings since the start, by what they came to.")
    for outcome in [TrainerRun.Outcome.published, .refused, .unchanged, .failed] {
      page.sample("trainer_runs_total", [("outcome", outcome.rawValue)], runCounts[outcome] ?? 0)
    }
    for (name, sentence, value) in gauges {
      guard let value else { continue }
      page.family(name, .gauge, sentence)
      page.sample(name, [], UInt64(clamping: value))
    }
    for (name, sentence, path) in ServerCounts.described {
      page.family(name, .counter, sentence)
      page.sample(name, [], server.counts[keyPath: path])
    }
    page.family("repository_answers_total", .counter, "Answers of the repository server, by status.")
    for (status, count) in server.counts.answers.sorted(by: { $0.key < $1.key }) {
      page.sample("repository_answers_total", [("code", "\(status)")], count)
    }
    let text = page.finish()
    return text.withBytes { bytes in bytes.withUnsafeBytes { Array($0) } }
  }
}

extension TrainerService {
  /// nil for what there is nothing to say of yet.
  fileprivate var gauges: [(name: String, sentence: String, value: Int?)] {
    [
      ("trainer_running", "1 while a training is under way.", process == nil ? 0 : 1),
      (
        "trainer_failures", "Trainings that have failed in a row; 0 after one that came to a decision.",
        schedule.failures
      ),
      ("trainer_new_events", "Events that no model has learnt from yet, impressions left out.", schedule.newEvents),
      ("trainer_decided_timestamp_seconds", "When a training last came to a decision, in Unix time.", state.decidedAt),
      (
        "trainer_run_duration_seconds", "How long the last training took.",
        state.runs.last.map { $0.endedAt - $0.startedAt }
      ),
      ("trainer_published_version", "The version that gateways serve by default.", seen?.champion),
      ("repository_connections", "Connections that are open.", server.connectionCount),
    ]
  }
}

/// The document of /status.
struct TrainerStatus: Encodable {
  struct Running: Encodable {
    let cause: String
    let since: String
    let phase: String?
    /// Of the phase, 0…1.
    let progress: Double?
  }

  struct Run: Encodable {
    let startedAt, endedAt, cause: String
    let outcome: TrainerRun.Outcome
    let version: Int?
    let reason: String?
    let comparison: TrainingOutcomeLine.Comparison?
    let metrics: [String: Double]?
    let events: Int?
    let peakMegabytes: Int?

    init(_ run: TrainerRun) {
      startedAt = timeText(run.startedAt)
      endedAt = timeText(run.endedAt)
      (cause, outcome, version, reason) = (run.cause, run.outcome, run.version, run.reason)
      (comparison, events, peakMegabytes) = (run.comparison, run.events, run.peakMegabytes)
      // Of the model that serves; those of the lists it is measured beside stand in the manifest.
      metrics = run.metrics?.filter { !$0.key.contains(".") }
    }
  }

  let schemaVersion = 1
  let model: String
  let state: String
  let ready: Bool
  let startedAt: String
  /// What gateways serve unless they are told otherwise.
  let champion: Int?
  let challenger: Int?
  let versions: [Int]
  let running: Running?
  /// When the next run is due, unless events or somebody ask for one before; null when nothing is scheduled.
  let next: String?
  let newEvents: Int
  let newEventsMin: Int?
  let failures: Int
  /// What could not be read at the last look.
  let faults: [String]
  /// Newest first.
  let runs: [Run]

  init(_ service: TrainerService) {
    model = service.options.model
    state = service.isEnding ? "ending" : service.process != nil ? "training" : "idle"
    ready = service.isReady
    startedAt = timeText(service.startedAt)
    champion = service.seen?.champion
    challenger = service.seen?.challenger
    versions = service.seen?.versions ?? []
    running = service.schedule.running.map {
      let progress = service.process?.progress
      return Running(
        cause: "\($0)", since: timeText(service.runStartedAt), phase: progress?.phase,
        progress: progress.map { $0.total > 0 ? min(1, Double($0.done) / Double($0.total)) : 1 })
    }
    next = if case .wait(let until?) = service.schedule.next(now: service.now) { timeText(until) } else { nil }
    newEvents = service.schedule.newEvents
    newEventsMin = service.schedule.settings.newEventsMin
    failures = service.schedule.failures
    faults = service.seen?.faults ?? []
    runs = service.state.runs.reversed().map(Run.init)
  }

  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: (try? encoder.encode(self)) ?? Data("{}".utf8), as: UTF8.self)
  }
}

private func timeText(_ unixSeconds: Int) -> String {
  Date(timeIntervalSince1970: Double(unixSeconds)).formatted(.iso8601)
}
