internal import Bytes

/// What the path of a dataset turned out to be.
struct DatasetSource {
  /// The interactions: one file, or the segments of a gateway.
  private let files: [String]
  private let areSegments: Bool
  private let itemsPath: String?
  private let movieLens: MovieLens?

  private init(_ files: [String], items: String?, areSegments: Bool = false, movieLens: MovieLens? = nil) {
    self.files = files
    self.areSegments = areSegments
    itemsPath = items
    self.movieLens = movieLens
  }

  init(_ options: DatasetOptions) throws(TrainError) {
    let path = options.interactions
    let segments = EventSegments.files(of: path)
    guard isFolder(path) else {
      self.init([path], items: options.items, areSegments: !segments.isEmpty)
      return
    }
    if let set = MovieLens(folder: path) {
      let items = options.items ?? existing("\(path)/\(set.itemsName)")
      self.init(["\(path)/\(set.interactionsName)"], items: items, movieLens: set)
      return
    }
    let items = options.items ?? ["csv", "tsv", "jsonl"].lazy.compactMap { existing("\(path)/items.\($0)") }.first
    if let found = ["csv", "tsv", "txt", "jsonl"].lazy.compactMap({ existing("\(path)/interactions.\($0)") }).first {
      self.init([found], items: items)
    } else if !segments.isEmpty {
      self.init(segments, items: items, areSegments: true)
    } else {
      throw TrainError(
        .missingInput,
        "the folder \(path) holds no ratings.csv, ratings.dat or u.data (MovieLens), "
          + "no interactions.csv or interactions.tsv, and no event segments (.jsonl.lz4)")
    }
  }

  // MARK: - Interactions

  func readInteractions(
    _ options: DatasetOptions, _ progress: @escaping ProgressReceiver
  ) throws(TrainError) -> (InteractionLog, ReadReport) {
    var builder = InteractionLogBuilder(identity: options.identity, rules: options.rules)
    var report = ReadReport()
    report.path = options.interactions
    var digest = SHA256()
    var traits = LogTraits(hasTimes: true, isRated: false)
    if areSegments {
      report.format = .eventSegments
      try EventSegments.read(files, into: &builder, &report, digest: &digest, progress: progress)
    } else {
      traits = try readFile(files[0], options, progress, into: &builder, &report, &digest)
    }
    if traits.isRated { builder.weighRatings() }

    let before = report.rows
    let added = options.events.flatMap { EventSegments.files(of: $0) }
    if !added.isEmpty {
      try EventSegments.read(added, into: &builder, &report, digest: &digest, progress: progress)
    }
    report.eventRows = report.rows - before
    guard report.rows > 0 else { throw TrainError(.badInput, "\(report.path) holds no interactions") }
    try report.broken.check(of: report.rows, shareMax: options.brokenShareMax, path: report.path)
    report.ignored = builder.ignored
    report.eventTypes = builder.eventTypes
    report.digest = digest.finish().description
    let (log, repeats) = builder.finish(traits)
    report.repeats = repeats
    return (log, report)
  }

  private func readFile(
    _ path: String, _ options: DatasetOptions, _ progress: @escaping ProgressReceiver,
    into builder: inout InteractionLogBuilder, _ report: inout ReadReport, _ digest: inout SHA256
  ) throws(TrainError) -> LogTraits {
    let file = try InputFile(path: path)
    try file.requireText()
    report.bytes += file.byteCount
    digest.update(file.bytes)
    let reader = InteractionReader(path: path, progress: progress)
    if let (delimiter, columns) = movieLens?.fixedColumns {
      return try reader.read(file, delimiter: delimiter, columns: columns, hasHeader: false, into: &builder, &report)
    }
    switch format(of: file, options) {
    case .adjacency: return try AdjacencyReader(path: path, progress: progress).read(file, into: &builder, &report)
    case .jsonLines: return readJSONLines(file, progress, into: &builder, &report)
    default: return try reader.read(file, names: options.columns, into: &builder, &report)
    }
  }

  private func format(of file: borrowing InputFile, _ options: DatasetOptions) -> ReadReport.Format {
    switch options.format {
    case .delimited: return .delimited
    case .adjacency: return .adjacency
    case .automatic:
      if firstLetter(file.bytes) == 0x7B { return .jsonLines }
      return AdjacencyReader.recognises(file.bytes) ? .adjacency : .delimited
    }
  }

  private func readJSONLines(
    _ file: borrowing InputFile, _ progress: ProgressReceiver, into builder: inout InteractionLogBuilder,
    _ report: inout ReadReport
  ) -> LogTraits {
    report.format = .jsonLines
    let total = file.byteCount
    progress(TrainProgress(.reading, 0, of: total, "bytes"))
    let traits = JSONLinesReader(path: file.path, isPseudonymous: false).read(file.bytes, into: &builder, &report) {
      progress(TrainProgress(.reading, $0, of: total, "bytes"))
    }
    progress(TrainProgress(.reading, total, of: total, "bytes"))
    return traits
  }

  // MARK: - Items

  /// Describes the items of the log and appends those that nobody has touched yet.
  func readItems(
    _ options: DatasetOptions, _ progress: @escaping ProgressReceiver, _ log: inout InteractionLog,
    _ items: inout [CatalogueItem], _ report: inout ReadReport
  ) throws(TrainError) {
    guard let itemsPath else {
      report.itemsWithoutMetadata = items.count
      return
    }
    let file = try InputFile(path: itemsPath)
    try file.requireText()
    let content =
      if let movieLens, movieLens != .csv, options.items == nil {
        try movieLens.readItems(file, path: itemsPath, brokenShareMax: options.brokenShareMax)
      } else {
        try ItemReader(path: itemsPath, brokenShareMax: options.brokenShareMax, progress: progress).read(file)
      }
    report.itemsPath = itemsPath
    report.itemRows = content.rows
    report.itemsBroken = content.broken
    report.digest += "+" + SHA256.digest(file.bytes).description
    join(content.items, &log, &items, &report)
  }

  private func join(
    _ described: [CatalogueItem], _ log: inout InteractionLog, _ items: inout [CatalogueItem],
    _ report: inout ReadReport
  ) {
    var places: [String: Int] = [:]
    for (place, id) in log.itemIds.enumerated() { places[id] = place }
    let touched = items.count
    var describedCount = 0
    for var item in described {
      if movieLens != nil { MovieLens.date(&item) }
      report.metadataLeftOut += item.fit()
      if let place = places[item.id] {
        items[place] = item
        describedCount += 1
      } else {
        items.append(item)
      }
    }
    log.itemIds = items.map(\.id)
    report.coldItems = items.count - touched
    report.itemsWithoutMetadata = touched - describedCount
  }
}

private func existing(_ path: String) -> String? { isFile(path) ? path : nil }

/// The first byte that is no blank and no byte order mark.
func firstLetter(_ bytes: RawSpan) -> UInt8? {
  bytes.withUnsafeBytes { raw in raw.dropFirst(startsWithByteOrderMark(bytes) ? 3 : 0).first { $0 > 0x20 } }
}
