import ArgumentParser
import Trainer

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure models on a given split of adjacency lines, one line a model.",
    discussion: """
      needletail evaluate --train train.txt --test test.txt --json
      needletail evaluate --train tune_train.txt --valid tune_valid.txt --test test.txt --json

      With --valid the hyper-parameters are chosen on it and the model is fitted again on both; the test file is only
      ever ranked against. Without it tuned defaults are used.
      """)

  @Option(help: "Training part: lines of user item item …") var train: String
  @Option(help: "Test part, in the same form.") var test: String
  @Option(help: "Validation part, in the same form.") var valid: String?
  @Option(help: "Format of the files.") var format = Format.adjacency
  @Option(help: "Factors per user and item.") var dimensions: Int?
  @Option(help: "Confidence of what was not seen, α₀.") var alpha0: Float?
  @Option(help: "Regularisation, λ.") var lambda: Float?
  @Option(help: "Epochs.") var epochs: Int?
  @Option(parsing: .upToNextOption, help: "Seeds; the mean over them is reported.") var seeds: [UInt64] = [1]
  @Option(help: "Threads; 0 is one a core.") var threads = 0
  @Flag(help: "Print one JSON object a model and line.") var json = false

  enum Format: String, ExpressibleByArgument, CaseIterable { case adjacency }

  func run() throws {
    try reporting {
      var plan = EvaluationPlan()
      plan.seeds = seeds
      if dimensions != nil || alpha0 != nil || lambda != nil || epochs != nil || threads != 0 {
        var settings = ALSSettings()
        settings.dimensions = dimensions ?? settings.dimensions
        settings.alpha0 = alpha0 ?? settings.alpha0
        settings.lambda = lambda ?? settings.lambda
        settings.epochs = epochs ?? settings.epochs
        settings.threads = threads
        plan.settings = settings
      }
      let printer = ProgressPrinter()
      defer { printer.finish() }
      do throws(EvaluationError) {
        for row in try Trainer.evaluate(
          train: train, test: test, valid: valid, plan: plan, progress: { printer.show($0) })
        {
          print(json ? row.json : describe(row))
        }
      } catch {
        throw CommandFailure(error.exitCode, "\(error)")
      }
    }
  }

  private func describe(_ row: EvaluationRow) -> String {
    let name = row.model + String(repeating: " ", count: max(0, 9 - row.model.count))
    return row.evaluation.metrics.map { metrics in
      "\(name) @\(metrics.cutoff)  recall \(metrics.recall)  ndcg \(metrics.ndcg)  precision \(metrics.precision)  hit \(metrics.hit)"
    }.joined(separator: "\n")
  }
}

extension EvaluationError {
  /// Whose fault it is, as sysexits.h has it.
  var exitCode: CommandFailure.Code {
    switch self {
    case .unreadable: .noInput
    case .tooManyBroken, .empty, .nothingToTest: .data
    case .factorization: .usage
    }
  }
}

extension ProgressPrinter {
  /// The steps of an evaluation in the trainer's words.
  func show(_ step: EvaluationStep) {
    switch step {
    case .ranking(let model, let done, let users):
      show(TrainProgress(.evaluating, done, of: users, "users", note: model))
    case .tuning(let done, let trials, let best):
      show(TrainProgress(.searching, done, of: trials, "trials", note: "best ndcg@20 \(best.ndcg)"))
    case .training(let seed, let progress):
      show(TrainProgress(.training, progress.epoch, of: progress.epochs, "epochs", note: "seed \(seed)"))
    }
  }
}
