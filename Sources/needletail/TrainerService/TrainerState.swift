import Bytes
import FoundationEssentials
import Publishing
import Snapshots
import Trainer

/// What a trainer remembers over restarts: when it last came to a decision, and which events that was made on. In the
/// repository's folder, under a name that is not served. Lost or damaged, it costs one run more than needed.
struct TrainerState: Codable, Equatable {
  var schemaVersion = 1
  /// Unix seconds.
  var decidedAt: Int?
  var tally = EventTally()
  var runs: [TrainerRun] = []

  static func path(_ repository: String, model: String) -> String { "\(repository)/.trainer/\(model).json" }

  static func read(_ path: String) -> TrainerState {
    guard let data = try? Data(contentsOf: URL(filePath: path)),
      let state = try? JSONDecoder().decode(TrainerState.self, from: data), state.schemaVersion == 1
    else { return TrainerState() }
    return state
  }

  /// Whole and durable, or not at all.
  func write(to path: String) throws(DiskError) {
    let disk = Disk()
    try disk.makeFolders(folder(of: path))
    let bytes = Array((try? JSONEncoder().encode(self)) ?? Data())
    let file = try TemporaryFile(target: path, disk: disk)
    try file.append(bytes.span.bytes)
    try file.seal()
  }
}

/// One run that is over, as the status shows it.
struct TrainerRun: Codable, Equatable {
  enum Outcome: String, Codable { case published, refused, unchanged, failed }

  let startedAt: Int
  let endedAt: Int
  let cause: String
  let outcome: Outcome
  var version: Int?
  /// Why it was refused or failed.
  var reason: String?
  var comparison: TrainingOutcomeLine.Comparison?
  var metrics: [String: Double]?
  var events: Int?
  var peakMegabytes: Int?

  /// What the end of a process says.
  init(_ end: TrainingProcess.End, cause: String, startedAt: Int, endedAt: Int) {
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.cause = cause
    let last = end.output.split(separator: "\n").last.map { Data($0.utf8) }
    guard let line = last.flatMap({ try? JSONDecoder().decode(TrainingOutcomeLine.self, from: $0) }),
      let outcome = Outcome(rawValue: line.outcome.rawValue)
    else {
      self.outcome = .failed
      reason = TrainerRun.failure(end)
      return
    }
    self.outcome = outcome
    version = line.version
    reason = line.reason
    comparison = line.comparison
    metrics = line.metrics
    events = line.events
    peakMegabytes = line.peakMegabytes
  }

  /// A run that could not even be started.
  init(failed reason: String, cause: String, at: Int) {
    (startedAt, endedAt, self.cause, outcome, self.reason) = (at, at, cause, .failed, reason)
  }

  private static func failure(_ end: TrainingProcess.End) -> String {
    let said = end.messages.last { $0.hasPrefix("error: ") }?.dropFirst("error: ".count)
    if let said { return String(said) }
    if end.code > 128 { return "the training was ended by signal \(end.code - 128): killed, out of memory, or a crash" }
    return end.messages.last ?? "the training ended with code \(end.code) and said nothing"
  }
}
