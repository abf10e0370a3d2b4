internal import Bytes
internal import FoundationEssentials

/// Reads item metadata: delimited with a header, or JSON lines (one object a line).
///
/// Known columns become id, title, categories and time of publication, all others metadata strings. An item named
/// twice is described by its last row. Text stays text here, one String a field: catalogues are small beside logs.
struct ItemReader {
  let path: String
  let brokenShareMax: Double
  let progress: ProgressReceiver

  struct Content {
    var items: [CatalogueItem] = []
    var rows = 0
    var broken = BrokenRows()
    fileprivate var places: [String: Int] = [:]

    init() {}

    mutating func add(_ item: CatalogueItem) {
      if let place = places[item.id] {
        items[place] = item
      } else {
        places[item.id] = items.count
        items.append(item)
      }
    }
  }

  func read(_ file: borrowing InputFile) throws(TrainError) -> Content {
    let first = firstLetter(file.bytes)
    var content = Content()
    progress(TrainProgress(.items, 0, of: file.byteCount, "bytes"))
    if first == 0x7B {
      readJSONLines(file.bytes, &content)
    } else {
      try readDelimited(file.bytes, &content)
    }
    guard content.rows > 0 else { throw TrainError(.badInput, "\(path) holds no items") }
    try content.broken.check(of: content.rows, shareMax: brokenShareMax, path: path)
    progress(TrainProgress(.items, file.byteCount, of: file.byteCount, "bytes"))
    return content
  }

  // MARK: - Delimited

  private func readDelimited(_ bytes: RawSpan, _ content: inout Content) throws(TrainError) {
    let known = Set(ItemColumn.allCases.flatMap { $0.names })
    guard let header = Header.detect(bytes, recognised: { known.contains(foldedName($0)) }) else {
      throw TrainError(.badInput, "\(path): the first line is no header")
    }
    guard let id = header.position(of: ItemColumn.id.names) else {
      throw TrainError(
        .badInput, "\(path) has no item column; its header has \(header.names.prefix(12).joined(separator: ", "))")
    }
    let columns = Columns(header: header, id: id)
    var scanner = RowScanner(bytes, delimiter: header.delimiter)
    _ = scanner.next()
    rows: while true {
      switch scanner.next() {
      case .end: break rows
      case .broken(let reason): content.broken.add(line: scanner.line, reason)
      case .row:
        switch columns.item(scanner) {
        case .success(let item): content.add(item)
        case .failure(let problem): content.broken.add(line: scanner.line, problem.description)
        }
      }
      content.rows += 1
      if content.rows % 4096 == 0 { progress(TrainProgress(.items, scanner.offset, of: bytes.byteCount, "bytes")) }
    }
  }

  private struct Columns {
    let id: Int
    let title, categories, published: Int?
    let names: [String]

    init(header: Header, id: Int) {
      self.id = id
      title = header.position(of: ItemColumn.title.names)
      categories = header.position(of: ItemColumn.categories.names)
      published = header.position(of: ItemColumn.published.names)
      names = header.names
    }

    func item(_ row: borrowing RowScanner) -> Result<CatalogueItem, RowProblem> {
      guard row.fields.count == names.count else {
        return .failure("\(row.fields.count) fields where \(names.count) belong")
      }
      if let problem = row.withField(id, { itemIdProblem($0) }) { return .failure(problem) }
      var item = CatalogueItem(id: row.text(id))
      if let title, !row.isEmpty(title) { item.title = row.text(title) }
      if let categories { item.categories = splitCategories(row.text(categories)) }
      if let published {
        guard let time = row.withField(published, { parsePublished($0) }) else {
          return .failure("the date \(row.quoted(published)) is neither a year, Unix time nor an ISO 8601 date")
        }
        item.publishedAt = time
      }
      for place in names.indices where ![id, title, categories, published].contains(place) && !row.isEmpty(place) {
        item.metadata.append(CatalogueItem.Pair(names[place], row.text(place)))
      }
      return .success(item)
    }
  }

  // MARK: - JSON lines

  private func readJSONLines(_ bytes: RawSpan, _ content: inout Content) {
    var line = 0
    var start = startsWithByteOrderMark(bytes) ? 3 : 0
    let decoder = JSONDecoder()
    while start < bytes.byteCount {
      line += 1
      var end = start
      while end < bytes.byteCount, bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) != 0x0A { end += 1 }
      let text = bytes.extracting(start..<end).withUnsafeBytes { Data($0) }
      start = end + 1
      guard text.contains(where: { $0 > 0x20 }) else { continue }
      content.rows += 1
      guard case .object(let members)? = try? decoder.decode(JSONText.self, from: text) else {
        content.broken.add(line: line, "no JSON object")
        continue
      }
      switch item(of: members) {
      case .success(let item): content.add(item)
      case .failure(let problem): content.broken.add(line: line, problem.description)
      }
      if content.rows % 4096 == 0 { progress(TrainProgress(.items, start, of: bytes.byteCount, "bytes")) }
    }
  }

  private func item(of members: [String: JSONText]) -> Result<CatalogueItem, RowProblem> {
    // The decoder forgets the order of members; by name is the order that stays the same.
    let names = members.keys.sorted()
    func member(_ column: ItemColumn) -> String? {
      for known in column.names {
        if let name = names.first(where: { foldedName($0) == known }) { return name }
      }
      return nil
    }
    guard let idName = member(.id), let id = members[idName]?.text, !id.isEmpty else {
      return .failure("no item id")
    }
    if let problem = itemIdProblem(id.utf8.span.bytes) { return .failure(problem) }
    let (title, categories, published) = (member(.title), member(.categories), member(.published))
    var item = CatalogueItem(id: id, title: title.flatMap { members[$0]?.text }.flatMap { $0.isEmpty ? nil : $0 })
    item.categories = categories.flatMap { members[$0]?.list } ?? []
    if let published, let text = members[published]?.text {
      guard let time = parsePublished(text.utf8.span.bytes) else {
        return .failure("the date \"\(text.prefix(40))\" is neither a year, Unix time nor an ISO 8601 date")
      }
      item.publishedAt = time
    }
    for name in names where ![idName, title, categories, published].contains(name) {
      if let text = members[name]?.text, !text.isEmpty { item.metadata.append(CatalogueItem.Pair(name, text)) }
    }
    return .success(item)
  }
}

/// Any JSON value, seen as text: metadata is strings.
private enum JSONText: Decodable {
  case text(String)
  case list([String])
  case object([String: JSONText])
  case null

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let string = try? value.decode(String.self) {
      self = .text(string)
    } else if let flag = try? value.decode(Bool.self) {
      self = .text(flag ? "true" : "false")
    } else if let integer = try? value.decode(Int64.self) {
      self = .text(String(integer))
    } else if let number = try? value.decode(Double.self) {
      self = .text(String(number))
    } else if let list = try? value.decode([JSONText].self) {
      self = .list(list.compactMap { $0.text })
    } else {
      self = .object(try value.decode([String: JSONText].self))
    }
  }

  var text: String? {
    switch self {
    case .text(let text): text
    case .list(let parts): parts.joined(separator: "|")
    case .object, .null: nil
    }
  }

  var list: [String] {
    switch self {
    case .text(let text): splitCategories(text)
    case .list(let parts): parts.map { trimmedBlanks($0) }.filter { !$0.isEmpty }
    case .object, .null: []
    }
  }
}
