import Bytes
import FoundationEssentials
import Gateway
import Model
import Publishing
import Snapshots
import Tensors
import Trainer

/// One training and its publication: what `train`, `quickstart` and `trainer` do.
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
  /// What is worse than the published model is not published; nil publishes whatever comes out.
  var rule: PublishRule?
  /// Nothing is done when the published model, or the one that `alias` names, has learnt from the same data.
  var skipsUnchanged = false
  /// Points to the new version.
  var alias: String?
  /// Versions that stay in the repository; nil for all.
  var keepVersions: Int?
  var progress: ProgressReceiver?
  /// How manifests and aliases are signed; as they are unless given.
  var publishing = PublishOptions()
  var signAliases: SignAliases?

  func perform() throws -> TrainingOutcome {
    guard isName(model) else {
      throw CommandFailure(.usage, "the model's name \"\(model)\" must be 1 to 32 of a-z, 0-9 and -")
    }
    try makeFolder(ofRepository: repository)
    let scratch: ScratchFolder
    do { scratch = try ScratchFolder(in: repository) } catch { throw CommandFailure(.cannotWrite, "\(error)") }
    let published = try incumbent(scratch)
    if let fault = published?.fault { printError("warning: \(fault)") }
    var outcome = TrainingOutcome()
    do {
      let report = try train(into: scratch.file("new.ntsnap"), published) { outcome.comparison = $0 }
      outcome.report = report
      if publishes { outcome.published = try publish(scratch.file("new.ntsnap"), report, outcome.comparison) }
    } catch let error as TrainError where error.cause == .worse || error.cause == .unchanged {
      outcome.unpublished = error
    }
    return outcome
  }

  private var folder: FolderRepository { FolderRepository(path: repository) }

  private func incumbent(_ scratch: ScratchFolder) throws -> PublishedIncumbent? {
    guard rule != nil || skipsUnchanged else { return nil }
    do {
      return try PublishedIncumbent.champion(of: model, in: folder).map {
        PublishedIncumbent($0, in: folder, scratch: scratch)
      }
    } catch { throw CommandFailure(.data, "the repository cannot be read: \(error)") }
  }

  private func train(
    into path: String, _ published: PublishedIncumbent?, compared: (ModelComparison) -> Void
  ) throws -> TrainReport {
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
    options.incumbent = published?.model
    options.rule = rule
    if skipsUnchanged { options.knownDigests = knownDigests(published) }
    let printer = ProgressPrinter()
    defer { if progress == nil { printer.finish() } }
    do {
      return try TrainPipeline.run(
        options, progress: progress ?? printer.receiver, compared: compared, factors: export)
    } catch  where error.cause == .worse || error.cause == .unchanged {
      throw error
    } catch {
      throw CommandFailure(error.exitCode, error.description)
    }
  }

  /// Digests of data that the champion has learnt from, or the version that the alias names: a challenger on trial must
  /// not be replaced by its equal, for the trial would start anew and never end.
  private func knownDigests(_ published: PublishedIncumbent?) -> Set<String> {
    var manifests = [published?.manifest]
    // What cannot be read of the alias costs a training, no more.
    if let alias, let version = try? folder.aliases(of: model).versions[alias] {
      manifests.append(try? folder.manifest(model, version))
    }
    let annotations = manifests.compactMap { $0?.manifest.details.annotations }
    return Set(annotations.filter { $0["settings"] == settings }.compactMap { $0["data"] })
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

  // MARK: - Publishing

  /// What else, beside the data, a model depends on: two runs with the same digest of data and the same settings make the
  /// same model.
  private var settings: String {
    let parts = [
      "dimensions=\(dimensions.map(String.init) ?? "default")", "segments=\(segments.map(String.init) ?? "chosen")",
      "seed=\(seed)", "tune=\(tunes)", "program=\(Version.text)",
    ]
    return parts.joined(separator: " ")
  }

  private func publish(
    _ path: String, _ report: TrainReport, _ comparison: ModelComparison?
  ) throws -> PublishedVersion {
    var annotations = ["seed": "\(seed)", "data": report.data.digest, "settings": settings]
    annotations["comparison"] = comparison?.sentence
    let details: Manifest.Details
    do {
      details = try FreshSnapshot(path: path, metrics: report.metrics, annotations: annotations).details(of: model)
    } catch { throw CommandFailure(.data, "the snapshot that was just made does not check out: \(error)") }
    do {
      if alias == Aliases.challenger { try keepChampion() }
      let published = try folder.publish(snapshotPath: path, model: model, details: details, options: publishing)
      if let alias { try folder.setAlias(alias, of: model, to: published.identity.version, sign: signAliases) }
      if let keepVersions { prune(keepVersions) }
      return published
    } catch let error as PublishError {
      throw CommandFailure(.cannotWrite, "the snapshot cannot be published: \(error)")
    }
  }

  /// Without an alias the largest version is the champion: between its manifest and its alias, a challenger would be. So
  /// the present champion is named first.
  private func keepChampion() throws {
    guard try folder.aliases(of: model).champion == nil,
      let champion = try PublishedIncumbent.champion(of: model, in: folder)
    else { return }
    try folder.setAlias(Aliases.champion, of: model, to: champion.identity.version, sign: signAliases)
  }

  /// A repository that keeps too much is no reason to fail what has been published.
  private func prune(_ keep: Int) {
    do { try folder.prune(model, keep: keep) } catch { printError("warning: old versions stay: \(error)") }
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
    case .worse, .unchanged: .other
    }
  }
}
