import ArgumentParser
import Publishing
import Trainer

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on interactions and publish it into a repository.",
    discussion: """
      needletail train --interactions ratings.csv --items movies.csv --out var/repository --model films
      needletail train --interactions ml-latest-small --out var/repository --model films
      needletail train --interactions ratings.csv --events var/data/events --out var/repository --model films \
        --worse-than 5% --skip-unchanged --keep-versions 5

      Ends with 1 when the new model was measured and is worse than --worse-than allows.
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
  @Option(
    help: """
      Publish only a model that is not worse than the published one by more than this, such as 5%: both are measured on \
      what happened after the published one was trained. Without it, whatever comes out is published.
      """)
  var worseThan: Percentage?
  @Option(help: "Alias to point to the new version: champion or challenger.") var alias: String?
  @Option(help: "Versions to keep in the repository beside those that aliases name; all unless given.")
  var keepVersions: Int?
  @Option(help: "Secret key file to sign the version and the alias with; see keygen.") var sign: String?
  @OptionGroup var password: PasswordOptions
  @Option(help: "How to show progress: auto, json (a line a step, for programs) or none.") var progress =
    ProgressStyle.auto
  @Flag(help: "Do nothing when the published model has learnt from the same data.") var skipUnchanged = false
  @OptionGroup var child: ChildOptions
  @Flag(help: "Search the hyper-parameters on a validation part first.") var tune = false
  @Flag(help: "Train and evaluate, but publish nothing.") var dryRun = false
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    if let keepVersions, keepVersions < 1 { throw ValidationError("--keep-versions must be at least 1") }
    if let alias, !isName(alias) { throw ValidationError("--alias must be 1 to 32 of a-z, 0-9 and -") }
  }

  func run() throws {
    try reporting {
      child.apply()
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
      run.rule = worseThan.map { PublishRule(worseShareMax: $0.share) }
      run.skipsUnchanged = skipUnchanged
      run.alias = alias
      run.keepVersions = keepVersions
      if let sign {
        // Before the training: a wrong password is told at once.
        let key = try password.key(sign)
        run.publishing.sign = key.signManifest
        run.signAliases = key.signAliases(of: model)
      }
      run.progress = progress.receiver
      let outcome = try run.perform()
      print(json ? outcome.json : outcome.summary)
      if outcome.kind == .refused { throw ExitCode(CommandFailure.Code.other.rawValue) }
    }
  }
}
