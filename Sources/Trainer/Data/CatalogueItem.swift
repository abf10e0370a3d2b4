/// An item as its metadata describes it.
public struct CatalogueItem: Sendable, Equatable {
  public var id: String
  /// The id where no title is known.
  public var title: String
  public var categories: [String] = []
  /// Unix seconds; 0 unknown, 1 for anything before 1970.
  public var publishedAt: UInt32 = 0
  /// Other columns, in the order of the file.
  public var metadata: [Pair] = []

  public struct Pair: Sendable, Equatable {
    public let name, value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(id: String, title: String? = nil) {
    self.id = id
    self.title = title ?? id
  }
}

/// What a column or a JSON member of an items file holds, by its folded name.
enum ItemColumn: CaseIterable {
  case id, title, categories, published

  var names: [String] {
    switch self {
    case .id: InteractionColumn.item.names + ["id", "parentasin", "code"]
    case .title: ["title", "itemtitle", "name", "itemname", "productname", "producttitle", "headline", "movietitle"]
    case .categories: ["categories", "category", "genres", "genre", "itemcategory", "topics", "topic", "section", "class"]
    case .published:
      [
        "publishedat", "published", "publicationdate", "publishdate", "pubdate", "releasedate", "releasedat",
        "createdat", "date", "timestamp", "year",
      ]
    }
  }
}

/// When an item came out: what `parseTime` reads, or a bare year, which stands for its first day. Anything before 1970 is
/// 1, "known and old"; 0 when there is nothing to read.
func parsePublished(_ text: RawSpan) -> UInt32? {
  if text.byteCount == 0 { return 0 }
  if text.byteCount == 4, let year = parseDecimal(text), year == year.rounded(), year >= 1000 {
    return startOfYear(Int(year))
  }
  if let time = parseTime(text) { return time }
  // A date before 1970 is no Unix time, but tells that the item is old.
  let isOldDate = text.byteCount >= 10 && parseDecimal(text.extracting(0..<4)).map { $0 >= 1000 && $0 < 1970 } == true
  return isOldDate ? 1 : nil
}

func startOfYear(_ year: Int) -> UInt32 {
  let seconds = daysSinceEpoch(year: year, month: 1, day: 1) * 86_400
  return UInt32(max(1, min(seconds, Int(UInt32.max))))
}

/// `Comedy|Drama` as a list; blanks trimmed, empty parts and MovieLens' "(no genres listed)" left out.
func splitCategories(_ text: String) -> [String] {
  text.split(separator: "|").map { trimmedBlanks($0) }.filter { !$0.isEmpty && $0 != "(no genres listed)" }
}

func trimmedBlanks(_ text: some StringProtocol) -> String {
  var part = Substring(text)
  while let first = part.first, first.isWhitespace { part.removeFirst() }
  while let last = part.last, last.isWhitespace { part.removeLast() }
  return String(part)
}
