internal import Bytes

/// MovieLens sets as they come out of their archives (https://grouplens.org/datasets/movielens/):
///
/// | set | interactions | items |
/// |---|---|---|
/// | ml-latest(-small), ml-20m and later | `ratings.csv`, header | `movies.csv`: title with year, genres |
/// | ml-1m, ml-10m | `ratings.dat`, `user::item::rating::time` | `movies.dat`, Latin-1 |
/// | ml-100k | `u.data`, tabs | `u.item`: `|`, a flag per genre, Latin-1 |
enum MovieLens {
  case csv, dat, hundredK

  init?(folder: String) {
    if isFile("\(folder)/ratings.csv") {
      self = .csv
    } else if isFile("\(folder)/ratings.dat") {
      self = .dat
    } else if isFile("\(folder)/u.data") {
      self = .hundredK
    } else {
      return nil
    }
  }

  var interactionsName: String {
    switch self {
    case .csv: "ratings.csv"
    case .dat: "ratings.dat"
    case .hundredK: "u.data"
    }
  }

  var itemsName: String {
    switch self {
    case .csv: "movies.csv"
    case .dat: "movies.dat"
    case .hundredK: "u.item"
    }
  }

  /// The columns of the sets without a header; nil where there is one.
  var fixedColumns: (Delimiter, InteractionColumns)? {
    let columns = InteractionColumns(fieldCount: 4, positions: [.user: 0, .item: 1, .rating: 2, .time: 3])
    switch self {
    case .csv: return nil
    case .dat: return (.doubleColon, columns)
    case .hundredK: return (.tab, columns)
    }
  }

  /// Reads the films of the sets without a header.
  func readItems(_ file: borrowing InputFile, path: String, brokenShareMax: Double) throws(TrainError)
    -> ItemReader.Content
  {
    var content = ItemReader.Content()
    var scanner = RowScanner(file.bytes, delimiter: self == .dat ? .doubleColon : .bar)
    let fieldCount = self == .dat ? 3 : 5 + Self.hundredKGenres.count
    rows: while true {
      switch scanner.next() {
      case .end: break rows
      case .broken(let reason): content.broken.add(line: scanner.line, reason)
      case .row where scanner.fields.count != fieldCount:
        content.broken.add(line: scanner.line, "\(scanner.fields.count) fields where \(fieldCount) belong")
      case .row:
        var item = CatalogueItem(id: scanner.text(0), title: scanner.text(1))
        item.categories = self == .dat ? splitCategories(scanner.text(2)) : Self.flaggedGenres(scanner)
        content.add(item)
      }
      content.rows += 1
    }
    try content.broken.check(of: content.rows, shareMax: brokenShareMax, path: path)
    return content
  }

  private static let hundredKGenres = [
    "", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
  ]

  private static func flaggedGenres(_ row: borrowing RowScanner) -> [String] {
    var genres: [String] = []
    for (place, genre) in hundredKGenres.enumerated() where !genre.isEmpty && row.text(5 + place) == "1" {
      genres.append(genre)
    }
    return genres
  }

  /// Takes the year from the end of a title, "Heat (1995)", as the time of publication, and as metadata.
  static func date(_ item: inout CatalogueItem) {
    guard item.publishedAt == 0, let year = year(ofTitle: item.title) else { return }
    item.publishedAt = startOfYear(year)
    item.metadata.append(CatalogueItem.Pair("year", String(year)))
  }

  /// The first four digits of the last parenthesis: series are "(2006–2007)".
  static func year(ofTitle title: String) -> Int? {
    guard let open = title.lastIndex(of: "(") else { return nil }
    let digits = title[title.index(after: open)...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let year = Int(digits) else {
      return nil
    }
    return (1850...2100).contains(year) ? year : nil
  }
}
