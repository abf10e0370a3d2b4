/// A made-up bookshop with readers of known tastes, for trying Needletail without data of one's own.
///
/// Books have genres and themes, titles, authors and dates; readers love two or three themes, follow fashions a little,
/// drift to another theme with time, and look, put into the cart and buy. What is learnt from it has to beat the most
/// popular books clearly, because tastes were put in; how clearly is a test. The same seed gives the same bytes.
public struct CatalogueGenerator: Sendable {
  public var items = 2000
  public var users = 3000
  /// Rows of the log, about: views, carts and purchases together.
  public var events = 150_000
  public var days = 180
  /// The end of the log, Unix seconds. Fixed, so that the files are; a demonstration passes the present, since
  /// freshness is counted from it.
  public var endsAt: UInt32 = 1_767_225_600
  public var seed: UInt64 = 1

  public init() {}

  var startsAt: UInt32 { endsAt - UInt32(days * 86_400) }

  struct Book {
    var id: String
    var title: String
    var author: String
    /// Into `Catalogue.themes`: the first is what it mainly is.
    var themes: [Int]
    var publishedAt: UInt32
    /// How much it is liked within its theme.
    var appeal: Double
  }

  struct Event {
    var user: Int
    var book: Int
    var type: StaticString
    var time: UInt32
  }

  struct Shop {
    var themes: [(genre: Genre, theme: Genre.Theme)]
    var books: [Book]
    var events: [Event]
  }

  func generate() -> Shop {
    let themes = Genre.all.flatMap { genre in genre.themes.map { (genre: genre, theme: $0) } }
    let books = makeBooks(themes)
    return Shop(themes: themes, books: books, events: makeEvents(books, themeCount: themes.count))
  }

  // MARK: - Books

  private func makeBooks(_ themes: [(genre: Genre, theme: Genre.Theme)]) -> [Book] {
    var random = SplitMix64(seed: seed, purpose: 1)
    var titles = TitleMaker()
    return (0..<items).map { number in
      let main = random.below(themes.count)
      var own = [main]
      if random.unit() < 0.15 {
        let second = random.below(themes.count)
        if second != main { own.append(second) }
      }
      return Book(
        id: "b" + padded(number + 1, 4), title: titles.next(themes[main].genre, themes[main].theme, &random),
        author: "\(random.pick(Genre.givenNames)) \(random.pick(Genre.familyNames))", themes: own,
        publishedAt: publicationTime(&random),
        // Log-normal: a few books of a theme are far better known than the rest.
        appeal: exponential(1.1 * random.gaussian()))
    }
  }

  /// A quarter comes out while the log runs, the others in the five years before.
  private func publicationTime(_ random: inout SplitMix64) -> UInt32 {
    let day =
      random.unit() < 0.25
      ? Double(days) * random.unit() : -5 * 365 * random.unit()
    return UInt32(Double(startsAt) + day.rounded(.down) * 86_400)
  }

  // MARK: - Readers

  private struct Reader {
    var themes: [Int]
    var shares: [Double]
    /// When, as a share of the log, the first theme gives way to `next`; above 1 for never.
    var driftsAt: Double
    var next: Int
    var activeFrom: Double
    var activeTo: Double
    var actions: Int

    func theme(at share: Double, _ random: inout SplitMix64) -> Int {
      var left = random.unit()
      for (place, theme) in themes.enumerated() {
        left -= shares[place]
        if left < 0 { return place == 0 && share > driftsAt ? next : theme }
      }
      return themes.last!
    }
  }

  private func makeReader(themeCount: Int, _ random: inout SplitMix64) -> Reader {
    let count = 1 + random.below(3)
    var themes: [Int] = []
    while themes.count < count {
      let theme = random.below(themeCount)
      if !themes.contains(theme) { themes.append(theme) }
    }
    let raw = themes.map { _ in 0.3 + random.unit() }
    let total = raw.reduce(0, +)
    let from = 0.6 * random.unit()
    // About 1.3 rows an action (views and what follows them); log-normal around the mean, at least a handful.
    let mean = Double(events) / Double(users) / 1.3
    let actions = max(5, Int(mean * exponential(0.8 * random.gaussian() - 0.32)))
    return Reader(
      themes: themes, shares: raw.map { $0 / total }, driftsAt: random.unit() < 0.3 ? 0.3 + 0.5 * random.unit() : 2,
      next: random.below(themeCount), activeFrom: from, activeTo: min(1, from + 0.3 + 0.7 * random.unit()),
      actions: actions)
  }

  private func makeEvents(_ books: [Book], themeCount: Int) -> [Event] {
    var random = SplitMix64(seed: seed, purpose: 2)
    let shelves = (0..<themeCount).map { theme in
      Shelf(books.indices.filter { books[$0].themes.contains(theme) }, books)
    }
    let window = Shelf(Array(books.indices), books)
    var events: [Event] = []
    for user in 0..<users {
      let reader = makeReader(themeCount: themeCount, &random)
      var seen: Set<Int> = []
      for _ in 0..<reader.actions {
        let share = reader.activeFrom + (reader.activeTo - reader.activeFrom) * random.unit()
        let time = startsAt + UInt32(share * Double(days * 86_400 - 7200))
        // One look in ten goes to what everybody looks at.
        let shelf = random.unit() < 0.1 ? window : shelves[reader.theme(at: share, &random)]
        guard let book = shelf.draw(books, at: time, seen: seen, &random) else { continue }
        seen.insert(book)
        appendVisit(user, book, time, &random, &events)
      }
    }
    return events.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
  }

  /// A view, in one of five cases a cart, in half of those a purchase, minutes apart.
  private func appendVisit(
    _ user: Int, _ book: Int, _ time: UInt32, _ random: inout SplitMix64, _ events: inout [Event]
  ) {
    events.append(Event(user: user, book: book, type: "view", time: time))
    guard random.unit() < 0.2 else { return }
    events.append(Event(user: user, book: book, type: "add-to-cart", time: time + 30 + UInt32(random.below(600))))
    guard random.unit() < 0.5 else { return }
    events.append(Event(user: user, book: book, type: "purchase", time: time + 700 + UInt32(random.below(3000))))
  }
}

/// Books from which one is drawn by appeal.
private struct Shelf {
  private let books: [Int]
  private let cumulative: [Double]

  init(_ books: [Int], _ all: [CatalogueGenerator.Book]) {
    self.books = books
    var sum = 0.0
    cumulative = books.map { book in
      sum += all[book].appeal
      return sum
    }
  }

  /// A book that is out, preferably new and not seen before; nil when thirty draws found none.
  func draw(
    _ all: [CatalogueGenerator.Book], at time: UInt32, seen: Set<Int>, _ random: inout SplitMix64
  ) -> Int? {
    guard let total = cumulative.last else { return nil }
    for _ in 0..<30 {
      let point = random.unit() * total
      var (low, high) = (0, cumulative.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if cumulative[middle] > point { high = middle } else { low = middle + 1 }
      }
      let book = books[low]
      guard all[book].publishedAt <= time, !seen.contains(book) || random.unit() < 0.05 else { continue }
      let isNew = time - all[book].publishedAt < 45 * 86_400
      if isNew || random.unit() < 0.5 { return book }
    }
    return nil
  }
}

/// Makes titles, no two alike.
private struct TitleMaker {
  private var used: Set<String> = []
  private static let sequels = ["Book Two", "Book Three", "A Sequel", "The Return", "New Stories"]

  mutating func next(_ genre: Genre, _ theme: Genre.Theme, _ random: inout SplitMix64) -> String {
    for attempt in 0..<100 {
      var title = fill(random.pick(genre.patterns), genre, theme, &random)
      if attempt >= 20 { title += ": " + random.pick(Self.sequels) }
      if used.insert(title).inserted { return title }
    }
    let title = "\(theme.name), Volume \(used.count)"
    used.insert(title)
    return title
  }

  private func fill(_ pattern: String, _ genre: Genre, _ theme: Genre.Theme, _ random: inout SplitMix64) -> String {
    let noun = random.pick(theme.nouns)
    var other = random.pick(theme.nouns)
    while other == noun { other = random.pick(theme.nouns) }
    var title = pattern
    for (mark, word) in [
      ("{a}", random.pick(genre.adjectives)), ("{n}s", plural(noun)), ("{m}s", plural(other)), ("{n}", noun),
      ("{m}", other),
      ("{p}", random.pick(Genre.places)),
    ] {
      if let range = title.firstRange(of: mark) { title.replaceSubrange(range, with: word) }
    }
    return title
  }
}

private func plural(_ noun: String) -> String {
  if noun.hasSuffix("x") || noun.hasSuffix("s") || noun.hasSuffix("ch") { return noun + "es" }
  let isConsonantY = noun.hasSuffix("y") && !["ay", "ey", "oy", "uy"].contains { noun.hasSuffix($0) }
  return isConsonantY ? noun.dropLast() + "ies" : noun + "s"
}

extension SplitMix64 {
  fileprivate mutating func pick(_ list: [String]) -> String { list[below(list.count)] }
}
