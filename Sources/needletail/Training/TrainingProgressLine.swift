import FoundationEssentials
import Glibc
import Trainer

/// Progress as `--progress json` writes it to standard error, a line each, and as `needletail trainer` reads it.
struct TrainingProgressLine: Codable, Equatable {
  let phase: String
  let done: Int
  let total: Int
  let unit: String

  init(_ progress: TrainProgress) {
    phase = progress.phase.rawValue
    done = progress.done
    total = progress.total
    unit = progress.unit
  }

  /// nil for a line that is none: a warning, an error.
  init?(line: String) {
    guard line.hasPrefix("{"), let read = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else {
      return nil
    }
    self = read
  }

  func write() {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let bytes = Array(try! encoder.encode(self)) + [UInt8(ascii: "\n")]  // Texts and numbers always encode.
    // Progress that cannot be written is lost, and no reason to stop.
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
