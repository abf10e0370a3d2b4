import ArgumentParser
import Retrieval
import Tensors

/// The vectors that an index is built of, and how.
struct IndexVectors: ParsableArguments {
  @Option(help: "Item vectors: a .npy, or file.safetensors[:tensor].") var base: String
  @OptionGroup var options: IndexBuildOptions

  func build() throws -> TimedBuild { try options.build(matrix(base)) }
}

struct IndexBuildOptions: ParsableArguments {
  @Option(help: "dot (inner product; the default) or cosine.", transform: metricNamed) var metric: Metric?
  @Option(
    help: """
      Queries such as users send, on which the efforts are calibrated; not those that you measure with. Without them sums of \
      three items stand in, which are easier or harder than your users: recall may then differ from what is asked for.
      """) var calibration: String?
  @Option(help: "Seed of everything random; the same seed and vectors give the same bytes.") var seed: UInt64 = 1

  /// Builds with a progress bar, and says how long each step took.
  func build(_ base: Matrix) throws -> TimedBuild {
    let queries = try calibration.map { try matrix($0) }
    if let queries, queries.columns != base.columns {
      throw CommandFailure(
        .data, "\(calibration!): has \(queries.columns) columns, the items have \(base.columns)")
    }
    let progress = StepPrinter()
    defer { progress.finish() }
    var steps = StepTimes()
    let start = monotonicSeconds()
    do throws(IndexBuildError) {
      let built = try base.withUnsafeBufferPointer { (vectors) throws(IndexBuildError) in
        try IndexBuilder.build(
          vectors: vectors, count: base.rows, dimension: base.columns, metric: metric ?? .dot, seed: seed,
          calibration: queries.map { $0.withUnsafeBufferPointer { Array($0) } },
          progress: { step, share in
            steps.now("\(step)")
            progress.show("\(step)", share)
          })
      }
      return TimedBuild(
        index: built, seconds: monotonicSeconds() - start, steps: steps.finished(), peakBytes: peakResidentBytes())
    } catch { throw CommandFailure(.data, "\(error)") }
  }
}

struct TimedBuild {
  let index: BuiltIndex
  let seconds: Double
  let steps: [(name: String, seconds: Double)]
  let peakBytes: Int
}

/// How long each step of a build took, from the progress that it reports.
private struct StepTimes {
  /// What comes before the first step that reports: reading and normalising rows.
  private var steps: [(name: String, seconds: Double)] = [("reading", 0)]
  private var last = monotonicSeconds()

  mutating func now(_ step: String) {
    let now = monotonicSeconds()
    steps[steps.count - 1].seconds += now - last
    last = now
    if steps.last!.name != step { steps.append((step, 0)) }
  }

  mutating func finished() -> [(name: String, seconds: Double)] {
    now(steps.last!.name)
    return steps
  }
}

@Sendable private func metricNamed(_ text: String) throws -> Metric {
  guard let metric = Metric.allCases.first(where: { "\($0)" == text }) else {
    throw ValidationError("there is no metric \"\(text)\": dot or cosine")
  }
  return metric
}

/// A matrix of finite floats, or the command's end.
func matrix(_ source: String) throws -> Matrix {
  do { return try Matrix(TensorSource(source)) } catch { throw CommandFailure(error) }
}

extension CommandFailure {
  /// Whose fault it is, as sysexits.h has it.
  init(_ error: TensorError) {
    let code: Code =
      switch error.code {
      case .unreadable: .noInput
      case .cannotWrite: .cannotWrite
      default: .data
      }
    self.init(code, "\(error)")
  }
}
