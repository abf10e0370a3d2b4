internal import Glibc
internal import Synchronization

/// Shows progress: a bar that redraws itself on a terminal, plain lines otherwise.
///
/// On a terminal the line is redrawn some ten times a second and left standing when its phase ends. Elsewhere a phase
/// gets a line when it begins, one for each tenth of it that took long enough to be worth telling, and one when it
/// ends.
public final class ProgressPrinter: Sendable {
  private let isTerminal: Bool
  private let write: @Sendable (String) -> Void
  private let clock: @Sendable () -> Double
  private let state = Mutex(State())

  private struct State {
    var phase: TrainProgress.Phase?
    var phaseStart = 0.0
    var lastShown = 0.0
    var lastTenth = 0
    var last: TrainProgress?
  }

  static let redrawSeconds = 0.1
  /// A tenth that comes sooner after the last line says nothing.
  static let lineSecondsMin = 1.0
  static let barWidth = 24

  /// To standard error, by what that is.
  public convenience init() {
    self.init(isTerminal: isatty(2) == 1, clock: monotonicSeconds) { text in
      // Progress that cannot be written is lost, and no reason to stop.
      text.withCString { _ = Glibc.write(2, $0, strlen($0)) }
    }
  }

  init(isTerminal: Bool, clock: @escaping @Sendable () -> Double, write: @escaping @Sendable (String) -> Void) {
    self.isTerminal = isTerminal
    self.clock = clock
    self.write = write
  }

  /// For `TrainPipeline.run`.
  public var receiver: ProgressReceiver { { [self] in show($0) } }

  public func show(_ progress: TrainProgress) {
    let text = state.withLock { state in
      isTerminal ? redraw(progress, &state) : line(progress, &state)
    }
    if !text.isEmpty { write(text) }
  }

  /// Leaves the last bar standing. To be called when the run is over, so that what is printed next has its own line.
  public func finish() {
    let text = state.withLock { state in
      defer { state.phase = nil }
      return isTerminal && state.phase != nil ? "\n" : ""
    }
    if !text.isEmpty { write(text) }
  }

  // MARK: - Terminal

  private func redraw(_ progress: TrainProgress, _ state: inout State) -> String {
    let now = clock()
    var text = ""
    if progress.phase != state.phase {
      if state.phase != nil { text = "\n" }
      state.phase = progress.phase
      state.phaseStart = now
    } else if progress.done < progress.total, now - state.lastShown < Self.redrawSeconds {
      return ""
    }
    state.lastShown = now
    let filled = Int(progress.share * Double(Self.barWidth))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
    // CSI K clears what a longer line before this one left behind.
    return text + "\r\(Self.title(progress)) \(bar) \(Self.detail(progress, seconds: now - state.phaseStart))\u{1B}[K"
  }

  // MARK: - Lines

  private func line(_ progress: TrainProgress, _ state: inout State) -> String {
    let now = clock()
    let tenth = Int(progress.share * 10)
    let isNew = progress.phase != state.phase
    if isNew {
      state.phase = progress.phase
      state.phaseStart = now
      state.lastTenth = 0
    } else {
      let isDone = progress.done >= progress.total
      let isWorthIt = tenth > state.lastTenth && now - state.lastShown >= Self.lineSecondsMin
      guard isWorthIt || (isDone && state.lastTenth < 10) else { return "" }
    }
    state.lastTenth = tenth
    state.lastShown = now
    return "\(Self.title(progress)) \(Self.detail(progress, seconds: now - state.phaseStart))\n"
  }

  // MARK: - Text

  private static func title(_ progress: TrainProgress) -> String {
    let width = TrainProgress.Phase.allCases.map(\.title.count).max() ?? 0
    return progress.phase.title + String(repeating: " ", count: width - progress.phase.title.count)
  }

  /// `100 %  2.4 of 2.4 MB  18 MB/s  loss 12.3`
  static func detail(_ progress: TrainProgress, seconds: Double) -> String {
    let percent = String(Int(progress.share * 100))
    var parts = [String(repeating: " ", count: max(0, 3 - percent.count)) + percent + " %"]
    let isBytes = progress.unit == "bytes"
    parts.append(
      "\(amount(progress.done, isBytes)) of \(amount(progress.total, isBytes)) \(isBytes ? "" : progress.unit)")
    if seconds > 0.2, progress.done > 0 {
      let rate = Double(progress.done) / seconds
      parts.append((isBytes ? amount(Int(rate), true) : rate < 10 ? fixed(rate, 1) : amount(Int(rate), false)) + "/s")
    }
    if !progress.note.isEmpty { parts.append(progress.note) }
    return parts.map { trimmedEnd($0) }.joined(separator: "  ")
  }

  private static func amount(_ value: Int, _ isBytes: Bool) -> String {
    let unit = isBytes ? "B" : ""
    if value >= 10_000_000 { return fixed(Double(value) / 1e6, 0) + " M" + unit }
    if value >= 1_000_000 { return fixed(Double(value) / 1e6, 1) + " M" + unit }
    if value >= 10_000 { return fixed(Double(value) / 1e3, 0) + " k" + unit }
    return String(value) + (isBytes ? " B" : "")
  }

  private static func trimmedEnd(_ text: String) -> String {
    var text = text
    while text.last == " " { text.removeLast() }
    return text
  }
}
