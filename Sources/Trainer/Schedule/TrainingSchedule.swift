/// When a long-running trainer trains: decided here, without a clock, a disk or a thread. The shell tells it what it
/// sees and what became of its orders, and asks what is next.
///
/// Times are Unix seconds, so that a schedule outlives the process. A clock that was set back is taken for no time gone;
/// `observed(now:)` keeps that, or it would be taken so again and again, and nothing would ever be due.
public struct TrainingSchedule: Sendable, Equatable {
  public struct Settings: Sendable, Equatable {
    /// From the end of one run to the start of the next; nil for no schedule.
    public var everySeconds: Int?
    /// So many events that no run has learnt from start one; nil for never.
    public var newEventsMin: Int?
    /// Between two runs that events start, however many come.
    public var pauseSeconds = 60
    /// After a failure; doubled with each further one, up to the longest.
    public var retrySeconds = 60
    public var retrySecondsMax = 3600

    public init(everySeconds: Int? = nil, newEventsMin: Int? = nil) {
      self.everySeconds = everySeconds
      self.newEventsMin = newEventsMin
    }
  }

  /// Why a run is started.
  public enum Cause: Sendable, Equatable, CustomStringConvertible {
    /// There is no model yet.
    case first
    case schedule
    case newEvents(Int)
    case requested
    /// So many runs in a row have failed.
    case retry(Int)

    public var description: String {
      switch self {
      case .first: "there is no model yet"
      case .schedule: "the schedule"
      case .newEvents(let count): "\(count) new events"
      case .requested: "asked for"
      case .retry(let failures): "\(failures) failed before"
      }
    }
  }

  /// What a run came to, as far as the next one depends on it.
  public enum Outcome: Sendable, Equatable {
    /// Published, refused or unchanged: this data has had its say.
    case decided
    /// The same may succeed later.
    case failed
  }

  public enum Step: Sendable, Equatable {
    case start(Cause)
    /// Nothing is to be done before this time, unless something happens; nil for only then.
    case wait(until: Int?)
  }

  public let settings: Settings
  public private(set) var running: Cause?
  public private(set) var failures = 0
  /// Events that no run has learnt from yet.
  public private(set) var newEvents = 0
  public private(set) var isRequested = false
  /// When a run last came to a decision; nil when there is no model yet.
  public private(set) var decidedAt: Int?
  private var failedAt = 0

  /// `decidedAt`: when the last run before this process came to a decision; nil when there is no model yet.
  public init(_ settings: Settings, decidedAt: Int?, isRequested: Bool = false) {
    self.settings = settings
    self.decidedAt = decidedAt
    self.isRequested = isRequested
  }

  /// Somebody asks for a run. One that is under way does not count: it has read its data already.
  public mutating func request() { isRequested = true }

  /// The event segments were looked at.
  public mutating func observed(newEvents: Int) { self.newEvents = newEvents }

  /// The clock was looked at. What lies after it was noted by a clock that has been set back since.
  public mutating func observed(now: Int) {
    decidedAt = decidedAt.map { min($0, now) }
    failedAt = min(failedAt, now)
  }

  /// A run was started, as `next` said.
  public mutating func started(_ cause: Cause) {
    precondition(running == nil, "a run was started beside another")
    running = cause
    isRequested = false
  }

  public mutating func ended(_ outcome: Outcome, now: Int) {
    precondition(running != nil, "a run ended that never started")
    running = nil
    switch outcome {
    case .decided:
      decidedAt = now
      failures = 0
    case .failed:
      failures += 1
      failedAt = now
    }
  }

  /// What is to be done now.
  public func next(now: Int) -> Step {
    guard running == nil else { return .wait(until: nil) }
    if isRequested { return .start(.requested) }
    if failures > 0 { return due(failedAt + retryPauseSeconds, now) ?? .start(.retry(failures)) }
    guard let decidedAt else { return .start(.first) }
    var waits: [Int] = []
    if let every = settings.everySeconds {
      guard let wait = wait(from: decidedAt, every, now) else { return .start(.schedule) }
      waits.append(wait)
    }
    if let least = settings.newEventsMin, newEvents >= least {
      guard let wait = wait(from: decidedAt, settings.pauseSeconds, now) else { return .start(.newEvents(newEvents)) }
      waits.append(wait)
    }
    return .wait(until: waits.min())
  }

  var retryPauseSeconds: Int {
    // Beyond sixteen doublings a minute has become the longest pause there is; the shift must not overflow.
    min(settings.retrySecondsMax, settings.retrySeconds << min(failures - 1, 16))
  }

  private func due(_ time: Int, _ now: Int) -> Step? {
    wait(from: failedAt, time - failedAt, now).map { .wait(until: $0) }
  }

  /// When `seconds` after `since` will be over; nil when they are.
  private func wait(from since: Int, _ seconds: Int, _ now: Int) -> Int? {
    let since = min(since, now)
    return now >= since + seconds ? nil : since + seconds
  }
}
