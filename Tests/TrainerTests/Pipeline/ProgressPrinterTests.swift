import Synchronization
import Testing

@testable import Trainer

struct ProgressPrinterTests {
  private final class Screen: Sendable {
    let text = Mutex("")
    let time = Mutex(0.0)
    func printer(isTerminal: Bool) -> ProgressPrinter {
      ProgressPrinter(isTerminal: isTerminal, clock: { self.time.withLock { $0 } }) { part in
        self.text.withLock { $0 += part }
      }
    }
    func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
    var shown: String { text.withLock { $0 } }
  }

  @Test func `without a terminal a quick phase is two lines, and a long one a line for each tenth`() {
    let screen = Screen()
    let printer = screen.printer(isTerminal: false)
    for done in 0...100 {
      printer.show(TrainProgress(.reading, done * 10_000, of: 1_000_000, "bytes"))
      screen.pass(0.001)
    }
    #expect(screen.shown.split(separator: "\n").count == 2)
    for done in 0...100 {
      printer.show(TrainProgress(.training, done, of: 100, "rows", note: "epoch 1 of 1"))
      screen.pass(0.5)
    }
    let lines = screen.shown.split(separator: "\n")
    #expect(lines.count == 2 + 11)
    #expect(lines.last! == "training on the training part 100 %  100 of 100 rows  2.0/s  epoch 1 of 1")
  }

  @Test func `on a terminal one line is redrawn, some ten times a second, and left standing at the end`() {
    let screen = Screen()
    let printer = screen.printer(isTerminal: true)
    for done in 0...1000 {
      printer.show(TrainProgress(.evaluating, done, of: 1000, "users"))
      screen.pass(0.001)
    }
    printer.show(TrainProgress(.segments, 0, of: 3, "passes"))
    printer.finish()
    #expect(screen.shown.split(separator: "\r").count < 15)
    #expect(screen.shown.split(separator: "\n").count == 2)
    #expect(screen.shown.contains("████████████████████████ 100 %  1000 of 1000 users"))
    #expect(screen.shown.hasSuffix("\n"))
  }

  @Test func `amounts carry their unit`() {
    #expect(
      ProgressPrinter.detail(TrainProgress(.reading, 2_483_723, of: 2_483_723, "bytes"), seconds: 0.5)
        == "100 %  2.5 MB of 2.5 MB  5.0 MB/s")
    #expect(
      ProgressPrinter.detail(TrainProgress(.segments, 1, of: 4, "passes"), seconds: 0.1) == " 25 %  1 of 4 passes")
  }

  @Test func `numbers have as many digits as asked for`() {
    #expect(fixed(1.005, 1) == "1.0")
    #expect(fixed(0.04995, 4) == "0.0500")
    #expect(fixed(-2.25, 1) == "-2.3")
    #expect(fixed(-0.01, 1) == "0.0")
    #expect(fixed(7, 0) == "7")
  }
}
