import Glibc

/// Shows the steps of a long command on standard error: a bar that redraws itself on a terminal, elsewhere a line when a
/// step begins and ends.
///
/// The trainer has its own (`ProgressPrinter`), whose phases are the trainer's; here steps come by name.
final class StepPrinter {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var step: String?
  private var start = 0.0
  private var lastShown = 0.0

  private static let redrawSeconds = 0.1
  private static let barWidth = 24
  private static let nameWidth = 14

  func show(_ name: String, _ share: Double) {
    let now = monotonicSeconds()
    let isNew = name != step
    if isNew {
      end(now)
      (step, start) = (name, now)
      if !isTerminal { put("\(name) …\n") }
    }
    guard isTerminal, isNew || share >= 1 || now - lastShown >= Self.redrawSeconds else { return }
    lastShown = now
    let filled = Int(min(1, max(0, share)) * Double(Self.barWidth))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
    // CSI K clears what a longer line before this one left behind.
    put("\r\(padded(name, Self.nameWidth)) \(bar) \(Int(min(1, share) * 100)) %  \(decimals(now - start, 1)) s\u{1B}[K")
  }

  /// Leaves the last bar standing; what is printed next has its own line.
  func finish() {
    end(monotonicSeconds())
    step = nil
  }

  private func end(_ now: Double) {
    guard let step else { return }
    put(isTerminal ? "\n" : "\(step): \(decimals(now - start, 1)) s\n")
  }

  private func put(_ text: String) {
    // Progress that cannot be written is lost, and no reason to stop.
    text.withCString { _ = Glibc.write(STDERR_FILENO, $0, strlen($0)) }
  }
}

func monotonicSeconds() -> Double { Double(monotonicNanoseconds()) / 1e9 }

func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

// MARK: - Numbers as text

/// `decimals(3.14159, 2)` is `3.14`.
func decimals(_ value: Double, _ places: Int) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
  let unit = (0..<places).reduce(1) { product, _ in product * 10 }
  let scaled = Int((abs(value) * Double(unit)).rounded())
  let digits = String(scaled % unit)
  let fraction = places == 0 ? "" : "." + String(repeating: "0", count: places - digits.count) + digits
  return (value < 0 && scaled > 0 ? "-" : "") + "\(scaled / unit)" + fraction
}

/// A number of that many places at most, as JSON has it.
func rounded(_ value: Double, _ places: Int) -> String {
  var text = decimals(value, places)
  while text.contains("."), text.last == "0" || text.last == "." {
    if text.removeLast() == "." { break }
  }
  return text
}

/// `640.5 MiB`.
func bytesText(_ bytes: Int) -> String {
  for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << shift {
    return decimals(Double(bytes) / Double(1 << shift), 1) + " " + unit
  }
  return "\(bytes) B"
}

func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
  let blanks = String(repeating: " ", count: max(0, width - text.count))
  return right ? blanks + text : text + blanks
}
