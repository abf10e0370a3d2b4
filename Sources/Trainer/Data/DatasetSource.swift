internal import Bytes

/// What the path of a dataset turned out to be.
struct DatasetSource {
  let interactionsPath: String
  let itemsPath: String?
  let movieLens: MovieLens?

  init(_ options: DatasetOptions) throws(TrainError) {
    let path = options.interactions
    guard isFolder(path) else {
      interactionsPath = path
      itemsPath = options.items
      movieLens = nil
      return
    }
    if let set = MovieLens(folder: path) {
      interactionsPath = "\(path)/\(set.interactionsName)"
      itemsPath = options.items ?? existing("\(path)/\(set.itemsName)")
      movieLens = set
      return
    }
    for end in ["csv", "tsv", "txt"] {
      guard let found = existing("\(path)/interactions.\(end)") else { continue }
      interactionsPath = found
      itemsPath =
        options.items ?? existing("\(path)/items.csv") ?? existing("\(path)/items.tsv") ?? existing("\(path)/items.jsonl")
      movieLens = nil
      return
    }
    throw TrainError(
      .missingInput,
      "the folder \(path) holds no ratings.csv, ratings.dat or u.data (MovieLens) and no interactions.csv or interactions.tsv")
  }

  // MARK: - Interactions

  func readInteractions(
    _ options: DatasetOptions, _ progress: @escaping ProgressReceiver
  ) throws(TrainError) -> (InteractionLog, ReadReport) {
    let file = try InputFile(path: interactionsPath)
    try file.requireText()
    var (log, report) = try read(file, options, progress)
    report.bytes = file.byteCount
    report.digest = SHA256.digest(file.bytes).description
    if log.count == 0 { log.itemIds = [] }
    return (log, report)
  }

  private func read(
    _ file: borrowing InputFile, _ options: DatasetOptions, _ progress: @escaping ProgressReceiver
  ) throws(TrainError) -> (InteractionLog, ReadReport) {
    let reader = InteractionReader(
      path: interactionsPath, identity: options.identity, rules: options.rules, brokenShareMax: options.brokenShareMax,
      progress: progress)
    if let (delimiter, columns) = movieLens?.fixedColumns {
      return try reader.read(file, delimiter: delimiter, columns: columns, hasHeader: false)
    }
    let isAdjacency = options.format == .adjacency || (options.format == .automatic && AdjacencyReader.recognises(file.bytes))
    guard isAdjacency else { return try reader.read(file, names: options.columns) }
    return try AdjacencyReader(
      path: interactionsPath, identity: options.identity, brokenShareMax: options.brokenShareMax, progress: progress
    ).read(file)
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
    _ described: [CatalogueItem], _ log: inout InteractionLog, _ items: inout [CatalogueItem], _ report: inout ReadReport
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
