import ArgumentParser
import Bytes
import FoundationEssentials
import Gateway
import Model
import Publishing
import Trainer

extension SnapshotCommand {
  /// Packs factors that any trainer made.
  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Pack factors from any trainer into a snapshot, and publish it where --repository says.",
      discussion: """
        needletail snapshot build --items items.npy --users users.npy --metadata items.csv --repository var/repository --model films
        needletail snapshot build --items factors.safetensors --users factors.safetensors --out films.ntsnap

        What is not given is derived where that makes sense, and said so: segments by k-means over the users, popularity
        from interactions or else from the length of the items' vectors, trends from interactions or else from popularity.
        """)

    @Option(help: "Vectors of items, a row each: .npy, .safetensors or .safetensors:NAME.") var items: String
    @Option(help: "Vectors of users, likewise.") var users: String?
    @Option(
      help:
        "Ids of the items' rows: text, one a line, .npy of integers, or .safetensors:NAME; else item_ids of a safetensors file, else the row numbers, from 0."
    )
    var itemIds: String?
    @Option(help: "Ids of the users' rows, likewise.") var userIds: String?
    @Option(help: "Items as CSV or JSON lines: id, title, categories, publishedAt, popularity; others are kept.")
    var metadata: String?
    @Option(help: "Who met what, as train reads it: gives history, popularity and trends.") var interactions: String?
    @Option(help: "Vectors of segments, a row each; segments are formed from the users otherwise.")
    var centroids: String?
    @Option(help: "Number of segments to form; chosen by silhouette unless given.") var segments: Int?
    @Option(help: "What is popular, as CSV: item, score, segment (none for everywhere).") var trending: String?
    @Option(help: "Items that are never shown, however near they are: text, an id a line.") var availability: String?
    @Option(
      help: """
        Queries that the snapshot must answer, as JSON lines: userId, itemId or vector, and what is known of the answer, \
        as in {"userId":"u1","expect":["i3","i9"],"minOverlap":0.67}. An answer too far from it is an error.
        """)
    var probes: String?
    @Option(help: "Ranking weights as JSON: {\"default\":{\"popularity\":0.2},\"detail\":{…}}.") var ranking: String?
    @Option(help: "dot or cosine: what scores mean.") var metric = "dot"
    @Option(help: "Of the training, for fold-in: weight of every cell, touched or not.") var alpha0: Float?
    @Option(help: "Of the training, for fold-in: strength of the regularisation.") var lambda: Float?
    @Option(help: "Of the training, for fold-in: how regularisation grows with a row's entries.") var nu: Float?
    @Option(name: .customLong("out"), help: "Snapshot file to write.") var file: String?
    @Option(help: "Repository folder to publish into; made when it is not there.") var repository: String?
    @Option(help: "Name of the published model: 1 to 32 of a-z, 0-9 and -.") var model: String?
    @Option(help: "File with the key of user hashes; default: identity.key in the repository, or beside the snapshot.")
    var identityKeyFile: String?
    @Option(help: "Seed of everything random; the same seed and files give the same bytes.") var seed: UInt64 = 1
    @Option(help: "Largest share of rows of a text file that may be broken, 0 to 1.") var brokenShareMax: Double?
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      try reporting {
        try checkTargets()
        let scratch = file == nil ? try makeScratch() : nil
        defer { withExtendedLifetime(scratch) {} }
        let path = file ?? scratch!.file("new.ntsnap")
        let report = try pack(into: path)
        let published = try model.map { try publish(path, as: $0) }
        if json { return try printJSON(Outcome(report, published, file: file)) }
        print(file == nil ? report.summary.replacing(path, with: "snapshot") : report.summary)
        if let published { print(published.summary) }
      }
    }

    private func makeScratch() throws -> ScratchFolder {
      do { return try ScratchFolder(in: repository!) } catch { throw CommandFailure(.cannotWrite, "\(error)") }
    }

    private func checkTargets() throws {
      guard file != nil || repository != nil else {
        throw CommandFailure(.usage, "nothing says where the snapshot goes: name a file with --out or a --repository")
      }
      guard (repository == nil) == (model == nil) else {
        throw CommandFailure(.usage, "publishing needs both --repository and --model")
      }
      if let model, !isName(model) {
        throw CommandFailure(.usage, "the model's name \"\(model)\" must be 1 to 32 of a-z, 0-9 and -")
      }
      guard let repository else { return }
      try makeFolder(ofRepository: repository)
    }

    private func pack(into path: String) throws -> PackReport {
      let printer = ProgressPrinter()
      defer { printer.finish() }
      do { return try FactorPacking.run(options(path), progress: printer.receiver) } catch let error as TrainError {
        if json, let reason = error.reason { try printJSON(Refusal(reason: reason, detail: error.description)) }
        throw CommandFailure(error.exitCode, error.description)
      }
    }

    private func options(_ path: String) throws -> PackOptions {
      var options = PackOptions(items: items, snapshotPath: path)
      options.users = users
      options.itemIds = itemIds
      options.userIds = userIds
      options.metadata = metadata
      options.interactions = interactions
      options.centroids = centroids
      options.segments.count = segments
      options.trending = trending
      options.withheld = availability
      options.probes = probes
      options.ranking = ranking
      switch metric {
      case "dot": options.metric = .dot
      case "cosine": options.metric = .cosine
      default: throw CommandFailure(.usage, "the metric \"\(metric)\" is neither dot nor cosine")
      }
      if let alpha0 { options.foldIn.alpha0 = alpha0 }
      if let lambda { options.foldIn.lambda = lambda }
      if let nu { options.foldIn.nu = nu }
      if let brokenShareMax { options.brokenShareMax = brokenShareMax }
      options.seed = seed
      if users != nil { options.identity = try identityKey() }
      return options
    }

    private func identityKey() throws -> IdentityKey {
      do throws(ServerError) {
        if let identityKeyFile { return try IdentityKeyFile.read(identityKeyFile) }
        let folder = repository ?? URL(filePath: file!).deletingLastPathComponent().path
        return try IdentityKeyFile.readOrMake(folder + "/identity.key")
      } catch {
        throw CommandFailure(error.fault.code, "\(error)")
      }
    }

    private func publish(_ path: String, as model: String) throws -> PublishedVersion {
      try FreshSnapshot(path: path, metrics: [:], annotations: ["seed": "\(seed)", "packed": items])
        .publish(into: repository!, as: model)
    }
  }
}

extension SnapshotCommand.Build {
  /// What `--json` prints when the input is no good.
  private struct Refusal: Encodable {
    var schemaVersion = 1
    let reason, detail: String
  }

  /// What `--json` prints.
  private struct Outcome: Encodable {
    let schemaVersion = 1
    let items, users, segments, dimension, snapshotBytes, peakMegabytes: Int
    let file: String?
    let version: Int?
    let digest: String?
    let notes: [String]
    let seconds: [String: Double]

    init(_ report: PackReport, _ published: PublishedVersion?, file: String?) {
      (items, users, segments) = (report.items, report.users, report.segmentSizes.count)
      (dimension, snapshotBytes, peakMegabytes) = (report.dimension, report.snapshotBytes, report.peakMegabytes)
      self.file = file
      version = published?.identity.version
      digest = published.map { "\($0.identity.digest)" }
      notes = report.notes
      seconds = Dictionary(uniqueKeysWithValues: report.seconds.map { ($0.phase.rawValue, $0.seconds) })
    }
  }
}
