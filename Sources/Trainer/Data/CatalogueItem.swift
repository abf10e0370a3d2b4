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

  /// A longer title is cut.
  static let titleBytesMax = 1024
  /// JSON of the categories and of the further metadata, each: together with a title they stay below the 16 KB that a
  /// snapshot takes for an item, and a list of 100 items below a megabyte or so.
  static let categoriesBytesMax = 4096
  static let metadataBytesMax = 4096

  /// Brings the item within what a snapshot holds: each category and each name of metadata once, none of them empty,
  /// texts within their limits. Returns how many categories and values did not fit and were left out.
  mutating func fit() -> Int {
    if title.utf8.count > Self.titleBytesMax {
      title = String(decoding: title.utf8.prefix(Self.titleBytesMax - 3), as: UTF8.self) + "…"
    }
    var room = Self.categoriesBytesMax
    var leftOut = 0
    var kept: [String] = []
    for category in categories where !category.isEmpty && !kept.contains(category) {
      room -= jsonBytes(category)
      if room >= 0 { kept.append(category) } else { leftOut += 1 }
    }
    categories = kept

    room = Self.metadataBytesMax
    var pairs: [Pair] = []
    for pair in metadata
    where !["", "title", "categories"].contains(pair.name) && !pairs.contains(where: { $0.name == pair.name }) {
      let bytes = jsonBytes(pair.name) + jsonBytes(pair.value)
      guard bytes <= room else {
        leftOut += 1
        continue
      }
      room -= bytes
      pairs.append(pair)
    }
    metadata = pairs
    return leftOut
  }
}

/// The most that a text takes as a JSON string, with its quotes and a comma or colon.
private func jsonBytes(_ text: String) -> Int {
  text.utf8.reduce(3) { $0 + ($1 < 0x20 ? 6 : $1 == 0x22 || $1 == 0x5C ? 2 : 1) }
}

/// What a column or a JSON member of an items file holds, by its folded name.
enum ItemColumn: CaseIterable {
  case id, title, categories, published

  var names: [String] {
    switch self {
    case .id: InteractionColumn.item.names + ["id", "parentasin", "code"]
    case .title: ["title", "itemtitle", "name", "itemname", "productname", "producttitle", "headline", "movietitle"]
    case .categories:
      ["categories", "category", "genres", "genre", "itemcategory", "topics", "topic", "section", "class"]
    case .published:
      [
        "publishedat", "published", "publicationdate", "publishdate", "pubdate", "releasedate", "releasedat",
        "createdat", "date", "timestamp", "year",
      ]
    }
  }
}

/// When an item came out: what `parseTime` reads, or a bare year, which stands for its first day. Anything before 1970
/// is 1, "known and old"; 0 when there is nothing to read.
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
