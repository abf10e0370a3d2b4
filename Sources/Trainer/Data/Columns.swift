internal import Bytes

/// What a column of an interactions file holds, with the header names it is known by.
///
/// Names are compared without case, blanks, `_`, `-` and `.`: `user_id`, `User ID` and `userId` are one. Earlier names
/// win where a header has several of one row: with `userId` and `sessionId`, users are users.
enum InteractionColumn: Int, CaseIterable {
  case user, item, time, rating, weight, event

  var names: [String] {
    switch self {
    case .user:
      [
        "userid", "user", "uid", "customerid", "customer", "visitorid", "visitor", "memberid", "member", "accountid",
        "account", "clientid", "client", "reviewerid", "profileid", "sessionid", "session",
      ]
    case .item:
      [
        "itemid", "item", "iid", "movieid", "movie", "productid", "product", "articleid", "article", "trackid", "track",
        "songid", "song", "artistid", "artist", "bookid", "book", "isbn", "videoid", "video", "contentid", "content",
        "listingid", "listing", "businessid", "locationid", "location", "asin", "sku",
      ]
    case .time:
      [
        "timestamp", "time", "ts", "eventtime", "datetime", "date", "unixtime", "unixreviewtime", "createdat",
        "occurredat", "timestampms",
      ]
    case .rating: ["rating", "stars", "score", "overall"]
    case .weight: ["weight", "value", "count", "plays", "playcount", "frequency"]
    case .event: ["eventtype", "event", "action", "behavior", "behaviour", "behaviortype", "interaction", "type"]
    }
  }
}

/// Which field of a row holds what.
struct InteractionColumns: Equatable {
  var fieldCount: Int
  private var positions: [Int?]

  init(fieldCount: Int, positions: [InteractionColumn: Int]) {
    self.fieldCount = fieldCount
    self.positions = InteractionColumn.allCases.map { positions[$0] }
  }

  subscript(column: InteractionColumn) -> Int? { positions[column.rawValue] }
}

/// Names of columns that a file calls something unheard-of; they go before the known names.
public struct ColumnNames: Sendable, Equatable {
  public var user, item, time, rating, weight, event: String?

  public init(
    user: String? = nil, item: String? = nil, time: String? = nil, rating: String? = nil, weight: String? = nil,
    event: String? = nil
  ) {
    self.user = user
    self.item = item
    self.time = time
    self.rating = rating
    self.weight = weight
    self.event = event
  }

  func name(of column: InteractionColumn) -> String? {
    switch column {
    case .user: user
    case .item: item
    case .time: time
    case .rating: rating
    case .weight: weight
    case .event: event
    }
  }
}

/// The header of a delimited file: its delimiter and what its columns are called.
struct Header {
  let delimiter: Delimiter
  let names: [String]

  /// Chooses the delimiter under which `recognised` finds most of the names, and among equals the most fields.
  /// nil when the file has no well-formed first row.
  static func detect(_ bytes: RawSpan, recognised: (String) -> Bool) -> Header? {
    var best: (header: Header, score: Int)?
    for delimiter in Delimiter.known {
      var scanner = RowScanner(bytes, delimiter: delimiter)
      guard scanner.next() == .row else { continue }
      let names = scanner.fields.indices.map { scanner.text($0) }
      let score = names.count(where: recognised) * 1000 + names.count
      if score > best?.score ?? 0 { best = (Header(delimiter: delimiter, names: names), score) }
    }
    return best?.header
  }

  /// The position of the first of `names` that the header has.
  func position(of names: [String]) -> Int? {
    let own = self.names.map(foldedName)
    for name in names {
      if let position = own.firstIndex(of: name) { return position }
    }
    return nil
  }
}

/// A header name without case, blanks and punctuation.
func foldedName(_ name: String) -> String {
  String(name.lowercased().filter { !($0 == "_" || $0 == "-" || $0 == " " || $0 == "." || $0 == "\u{FEFF}") })
}
