import ArgumentParser
import Bytes
import FoundationEssentials
import Gateway
import Model
import Publishing
import Snapshots
import Tensors
import Trainer

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on interactions and publish it into a repository.",
    discussion: """
      needletail train --interactions ratings.csv --items movies.csv --out var/repository --model films
      needletail train --interactions ml-latest-small --out var/repository --model films
      """)

  @Option(
    help: """
      CSV or TSV with a header (user, item, optional timestamp, weight or rating, event type), a MovieLens folder, \
      adjacency lines, or a gateway's event segments.
      """)
  var interactions: String
  @Option(help: "Item metadata as CSV or JSON lines: id, title, categories, publishedAt; other columns are kept.")
  var items: String?
  @Option(help: "A gateway's event segments, or a folder of them, to learn from as well; repeatable.")
  var events: [String] = []
  @Option(name: .customLong("out"), help: "Repository folder to publish into; made when it is not there.")
  var repository: String
  @Option(help: "Name of the model: 1 to 32 of a-z, 0-9 and -.") var model: String
  @Option(help: "Factors per user and item.") var dimensions: Int?
  @Option(help: "Number of user segments; chosen by silhouette unless given.") var segments: Int?
  @Option(help: "Seed of everything random; the same seed and data give the same bytes.") var seed: UInt64 = 1
  @Option(help: "Threads; 0 is one a core.") var threads = 0
  @Option(help: "Largest share of rows that may be broken, 0 to 1.") var brokenShareMax: Double?
  @Option(help: "File with the key of user hashes; default: identity.key in the repository.") var identityKeyFile:
    String?
  @Option(
    help: """
      Folder that users.npy and items.npy go to as well: the learnt factors, float32, a row for each user and item in \
      the order in which the data names them first.
      """)
  var exportFactors: String?
  @Flag(help: "Search the hyper-parameters on a validation part first.") var tune = false
  @Flag(help: "Train and evaluate, but publish nothing.") var dryRun = false
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try reporting {
      var run = TrainingRun(interactions: interactions, items: items, repository: repository, model: model)
      run.events = events
      run.dimensions = dimensions
      run.segments = segments
      run.seed = seed
      run.threads = threads
      run.brokenShareMax = brokenShareMax
      run.identityKeyFile = identityKeyFile
      run.tunes = tune
      run.publishes = !dryRun
      run.factorsFolder = exportFactors
      let outcome = try run.perform()
      print(json ? outcome.json : outcome.summary)
    }
  }
}

/// One training and its publication: what `train` and `quickstart` do.
struct TrainingRun {
  var interactions: String
  var items: String?
  var repository: String
  var model: String
  var events: [String] = []
  var dimensions: Int?
  var segments: Int?
  var seed: UInt64 = 1
  var threads = 0
  var brokenShareMax: Double?
  var identityKeyFile: String?
  var tunes = false
  var publishes = true
  /// Where the factors go as .npy as well.
  var factorsFolder: String?

  struct Outcome {
    let report: TrainReport
    let published: PublishedVersion?

    var summary: String {
      let text = report.summary.replacing(report.snapshotPath, with: "snapshot")
      return published.map { text + "\n" + $0.summary } ?? text
    }

    var json: String {
      let metrics = report.metrics.sorted { $0.key < $1.key }.map { #""\#($0.key)":\#($0.value)"# }.joined(
        separator: ",")
      let version =
        published.map { #""version":\#($0.identity.version),"digest":"\#($0.identity.digest)""# } ?? #""version":null"#
      return
        #"{"schemaVersion":1,\#(version),"interactions":\#(report.data.interactions),"users":\#(report.data.users),"#
        + #""items":\#(report.data.items),"segments":\#(report.segmentSizes.count),"snapshotBytes":\#(report.snapshotBytes),"#
        + #""peakMegabytes":\#(report.peakMegabytes),"metrics":{\#(metrics)}}"#
    }
  }

  func perform() throws -> Outcome {
    guard isName(model) else {
      throw CommandFailure(.usage, "the model's name \"\(model)\" must be 1 to 32 of a-z, 0-9 and -")
    }
    do { try FileManager.default.createDirectory(atPath: repository, withIntermediateDirectories: true) } catch {
      throw CommandFailure(.cannotWrite, "the repository \(repository) cannot be made; may it be written to?")
    }
    let scratch = repository + "/.training-\(ProcessInfo.processInfo.processIdentifier).ntsnap"
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    let report = try train(into: scratch)
    return Outcome(report: report, published: publishes ? try publish(scratch, report) : nil)
  }

  private func train(into path: String) throws -> TrainReport {
    let key = try identityKey()
    var data = DatasetOptions(interactions: interactions, items: items, identity: key)
    data.events = events
    if let brokenShareMax { data.brokenShareMax = brokenShareMax }
    var options = TrainOptions(data: data, snapshotPath: path)
    options.dimensions = dimensions
    options.seed = seed
    options.threads = threads
    options.tunes = tunes
    options.segments.count = segments
    let printer = ProgressPrinter()
    defer { printer.finish() }
    do { return try TrainPipeline.run(options, progress: printer.receiver, factors: export) } catch {
      throw CommandFailure(error.exitCode, error.description)
    }
  }

  private func export(_ factors: Factors) throws(TrainError) {
    guard let folder = factorsFolder else { return }
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw TrainError(.output, "the folder \(folder) cannot be made; may it be written to?")
    }
    for (name, rows) in [("users", factors.users), ("items", factors.items)] {
      do throws(TensorError) {
        try NPYWriter.write(rows.span, columns: factors.dimension, path: "\(folder)/\(name).npy")
      } catch { throw TrainError(.output, error.description) }
    }
  }

  private func identityKey() throws -> IdentityKey {
    do {
      if let identityKeyFile { return try IdentityKeyFile.read(identityKeyFile) }
      return try IdentityKeyFile.readOrMake(repository + "/identity.key")
    } catch {
      throw CommandFailure(error.fault.code, "\(error)")
    }
  }

  private func publish(_ path: String, _ report: TrainReport) throws -> PublishedVersion {
    try FreshSnapshot(
      path: path, metrics: report.metrics, annotations: ["seed": "\(seed)", "data": report.data.digest]
    ).publish(into: repository, as: model)
  }
}

extension TrainError {
  /// Whose fault it is, as sysexits.h has it.
  var exitCode: CommandFailure.Code {
    switch cause {
    case .missingInput: .noInput
    case .badInput, .numerics: .data
    case .badSetting: .usage
    case .output: .cannotWrite
    }
  }
}
