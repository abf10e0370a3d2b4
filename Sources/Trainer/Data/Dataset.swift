public import Bytes
internal import Glibc

/// Where interactions and items come from and how they are to be read.
public struct DatasetOptions: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    /// By looking: a folder's file names, a file's first lines.
    case automatic = "auto"
    /// CSV, TSV and the like, with a header.
    case delimited
    /// `user item item …`
    case adjacency
  }

  /// A file, or a folder: MovieLens', one with `interactions.csv` (and `items.csv`), or event segments of a gateway.
  public var interactions: String
  /// Event segments to be added, files or folders: what happened since `interactions` was made. A folder without any is
  /// no error, for gateways begin with none.
  public var events: [String] = []
  /// A file; nil for the one that a folder brings along, or none.
  public var items: String?
  public var format: Format = .automatic
  public var columns = ColumnNames()
  public var rules = InteractionRules()
  /// The share of broken rows above which a file is refused (`BrokenRows.allowed`).
  public var brokenShareMax = BrokenRows.defaultShareMax
  /// Users are hashed under it while rows are read; it has to be the gateways' own.
  public var identity: IdentityKey

  public init(interactions: String, items: String? = nil, identity: IdentityKey) {
    self.interactions = interactions
    self.items = items
    self.identity = identity
  }
}

/// Interactions and the items they speak of.
public struct Dataset: Sendable {
  public var log: InteractionLog
  /// One for each of `log.itemIds`, in that order.
  public var items: [CatalogueItem]
  public var report: ReadReport

  /// Reads all of it.
  ///
  /// - Throws: `.missingInput` for absent files, `.badInput` for empty or mostly broken ones, and for fewer than two
  ///   users or items, from which nothing can be learnt.
  public static func read(
    _ options: DatasetOptions, progress: @escaping ProgressReceiver = { _ in }
  ) throws(TrainError) -> Dataset {
    let start = monotonicSeconds()
    let source = try DatasetSource(options)
    var (log, report) = try source.readInteractions(options, progress)
    report.items = log.itemCount
    var items = log.itemIds.map { CatalogueItem(id: $0) }
    try source.readItems(options, progress, &log, &items, &report)

    report.interactions = log.count
    report.disliked = log.weights.count { $0 == 0 }
    report.users = log.userCount
    report.hasTimes = log.hasTimes
    report.isRated = log.isRated
    report.seconds = monotonicSeconds() - start
    try checkLearnable(report)
    return Dataset(log: log, items: items, report: report)
  }

  private static func checkLearnable(_ report: ReadReport) throws(TrainError) {
    if report.interactions == report.disliked {
      throw TrainError(
        .badInput,
        "\(report.path): none of \(report.rows) rows is a positive interaction, "
          + "\(report.ignored) are ignored by event type")
    }
    if report.users < 2 {
      throw TrainError(
        .badInput, "\(report.path) has one user only; what to recommend is learnt from what several have in common")
    }
    if report.items < 2 {
      throw TrainError(.badInput, "\(report.path) has one item only; there is nothing to choose from")
    }
  }
}

func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The length of a file; nil where there is none.
func byteCount(of path: String) -> Int? {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : nil
}

func isFile(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
