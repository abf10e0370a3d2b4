import Bytes
import TestSupport
import Testing

@testable import Trainer

let testIdentity = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!

struct DatasetTests {
  let folder = TemporaryFolder()

  private func read(
    _ text: String, items: String? = nil, _ change: (inout DatasetOptions) -> Void = { _ in }
  ) throws -> Dataset {
    var options = DatasetOptions(
      interactions: folder.write(text, to: "log"), items: items.map { folder.write($0, to: "items") },
      identity: testIdentity)
    change(&options)
    return try Dataset.read(options)
  }

  private func message(_ text: String, _ change: (inout DatasetOptions) -> Void = { _ in }) -> String {
    do {
      _ = try read(text, change)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  // MARK: - Columns

  @Test(arguments: [
    "userId,movieId,rating,timestamp\n1,10,4.0,100\n2,10,5.0,200\n2,20,5.0,300\n",
    "SessionId\tItemId\tTime\n1\t10\t100\n2\t10\t200\n2\t20\t300\n",
    "ts;item_id;User ID\n100;10;1\n200;10;2\n300;20;2\n",
    "\u{FEFF}\"user\",\"item\",\"date\"\r\n1,10,1970-01-01T00:01:40Z\r\n2,10,1970-01-01T00:03:20Z\r\n2,20,1970-01-01T00:05:00Z\r\n",
  ])
  func `columns are found by their usual names, under any delimiter`(text: String) throws {
    let data = try read(text)
    #expect(data.log.users == [0, 1, 1])
    #expect(data.log.items == [0, 0, 1])
    #expect(data.log.times == [100, 200, 300])
    #expect(data.log.itemIds == ["10", "20"])
    #expect(data.log.userHashes == ["1", "2"].map { testIdentity.hash($0.utf8.span.bytes) })
  }

  @Test func `users win over sessions, and a column may be named`() throws {
    let text = "sessionId,userId,what\ns1,u1,a\ns2,u1,b\ns3,u2,b\n"
    #expect(try read(text) { $0.columns.item = "what" }.log.users == [0, 0, 1])
    #expect(try read(text) { $0.columns = ColumnNames(user: "session_id", item: "what") }.log.userCount == 3)
    #expect(message(text).contains("has no item column; its header has \"sessionId\", \"userId\", \"what\""))
    #expect(message(text) { $0.columns.item = "thing" }.contains("has no column \"thing\""))
  }

  @Test func `adjacency lines are recognised, and a user may have several or none`() throws {
    let data = try read("0 5 6 7\n1 5\n2\n0 8\n")
    #expect(data.report.format == .adjacency)
    #expect(data.log.users == [0, 0, 0, 1, 0])
    #expect(data.log.items == [0, 1, 2, 0, 3])
    #expect(data.log.userCount == 2)
    #expect(!data.log.hasTimes)
  }

  // MARK: - Rules

  @Test func `rows come out in order of time, equal times as they came`() throws {
    let data = try read("user,item,time\n1,a,300\n2,b,100\n1,c,300\n2,d,200\n1,e,100\n")
    #expect(data.log.items.map { data.log.itemIds[Int($0)] } == ["b", "e", "d", "a", "c"])
  }

  @Test func `ratings below the middle of the scale are seen and teach nothing`() throws {
    let text = "user,item,rating\n1,a,5\n1,b,1\n2,a,3\n2,b,2.5\n"
    #expect(try read(text).log.weights == [1, 0, 0.6, 0])
    #expect(try read(text) { $0.rules.ratings = .binary(threshold: 2.5) }.log.weights == [1, 0, 1, 1])
    #expect(try read(text) { $0.rules.ratings = .all }.log.weights == [1, 1, 1, 1])
    #expect(try read(text).report.disliked == 2)
  }

  @Test func `event types weigh, impressions are left out, unknown types are named`() throws {
    let data = try read("user,item,event\n1,a,view\n1,b,Add-To-Cart\n2,a,impression\n2,b,hum\n2,a,purchase\n")
    #expect(data.log.weights == [1, 3, 1, 5])
    #expect(data.report.ignored == 1)
    #expect(data.report.eventTypes.filter { !$0.isKnown }.map(\.name) == ["hum"])
  }

  @Test func `what a user did with an item is one pair: events add up and are damped, of ratings the last counts`()
    throws
  {
    let events = try read("user,item,event,time\n1,a,purchase,1\n1,a,view,2\n2,a,view,3\n2,b,view,3\n").log.merged()
    #expect(events.users == [0, 1, 1])
    #expect(events.items == [0, 0, 1])
    #expect(events.weights == [dampedWeight(6), 1, 1])
    #expect(abs(dampedWeight(6) - 2.791759) < 1e-5)

    let ratings = try read("user,item,rating,time\n1,a,5,9\n1,a,1,5\n2,a,4,1\n2,b,1,2\n").log.merged()
    #expect(ratings.weights == [1, 0.8, 0])
    #expect(ratings.seen() == [[0], [0, 1]])
  }

  @Test func `an event delivered twice counts once, a repeat at another time counts again`() throws {
    let data = try read("user,item,time,event\n1,a,5,view\n1,a,5,purchase\n1,a,6,view\n2,b,5,view\n2,a,5,view\n")
    #expect(data.report.repeats == 1)
    #expect(data.log.weights == [5, 1, 1, 1])
    #expect(try read("user,item\n1,a\n1,a\n2,b\n").log.count == 3)
  }

  // MARK: - Bad input

  @Test func `broken rows are counted, and the first few kept with line and reason`() throws {
    var text = "user,item,rating,time\n"
    for row in 0..<1000 { text += "u\(row % 50),i\(row % 70),4,\(1000 + row)\n" }
    text += "u1,i1,4\n,i1,4,5\nu1,,4,5\nu1,i1,good,5\nu1,i1,4,now\nu1,i1,\"4,5\n"
    let report = try read(text).report
    #expect(report.rows == 1006)
    #expect(report.broken.count == 6)
    #expect(
      report.broken.first.map(\.description) == [
        "line 1002: 3 fields where 4 belong", "line 1003: the user is empty", "line 1004: the item is empty",
        "line 1005: the rating \"good\" is no number from 0 on",
        "line 1006: the time \"now\" is neither Unix time nor an ISO 8601 date",
      ])
    #expect(report.interactions == 1000)
  }

  @Test func `more broken rows than the stated share refuse the file and show why`() {
    var text = "user,item\n"
    for row in 0..<1000 { text += row % 50 == 0 ? "lonely\n" : "u\(row % 7),i\(row % 9)\n" }
    let error = message(text)
    #expect(error.contains("20 of 1000 rows are broken, 10 would be tolerated"))
    #expect(error.contains("line 2: 1 fields where 2 belong"))
    #expect(message(text) { $0.brokenShareMax = 0.02 } == "no error")
    #expect(message(text) { $0.brokenShareMax = 0 }.contains("0 would be tolerated"))
  }

  @Test func `a small file may have a slip or two`() {
    #expect(BrokenRows.allowed(of: 9, shareMax: 0.01) == 0)
    #expect(BrokenRows.allowed(of: 30, shareMax: 0.01) == 3)
    #expect(BrokenRows.allowed(of: 300, shareMax: 0.01) == 5)
    #expect(BrokenRows.allowed(of: 10_000, shareMax: 0.01) == 100)
    #expect(BrokenRows.allowed(of: 10_000, shareMax: 0) == 0)
  }

  @Test func `nothing to learn from is a clear error`() {
    #expect(message("").contains("is empty"))
    #expect(message("user,item\n").contains("holds a header and no rows"))
    #expect(message("user,item\n1,a\n1,b\n").contains("has one user only"))
    #expect(message("user,item\n1,a\n2,a\n").contains("has one item only"))
    #expect(
      message("user,item,event\n1,a,impression\n2,b,impression\n").contains("none of 2 rows is a positive interaction"))
    #expect(message("\u{1F}\u{8B}...").contains("no user column"))
    #expect(message("PK\u{3}\u{4}").contains("zip archive"))
  }

  @Test func `absent paths and folders without data are named`() {
    let absent = DatasetOptions(interactions: folder.file("none.csv"), identity: testIdentity)
    #expect { try Dataset.read(absent) } throws: {
      ($0 as? TrainError)?.cause == .missingInput && "\($0)".contains("none.csv: No such file")
    }
    let empty = DatasetOptions(interactions: folder.path, identity: testIdentity)
    #expect { try Dataset.read(empty) } throws: { "\($0)".contains("holds no ratings.csv") }
  }

  // MARK: - Items

  @Test func `items are described, untouched ones appended, others stand under their id`() throws {
    let items = """
      itemId,title,categories,publishedAt,author,pages
      b,"Tea, and Rain",Poetry|Nature,2020-05-31,Ann Lee,120
      c,Cold,,,,

      """
    let data = try read("user,item\n1,a\n2,b\n", items: items)
    #expect(data.log.itemIds == ["a", "b", "c"])
    #expect(data.items.map(\.title) == ["a", "Tea, and Rain", "Cold"])
    #expect(data.items[1].categories == ["Poetry", "Nature"])
    #expect(data.items[1].publishedAt == 1_590_883_200)
    #expect(data.items[1].metadata == [.init("author", "Ann Lee"), .init("pages", "120")])
    #expect(data.report.coldItems == 1)
    #expect(data.report.itemsWithoutMetadata == 1)
  }

  @Test func `items may be JSON lines`() throws {
    let items = """
      {"id": "a", "title": "One", "categories": ["x", "y"], "publishedAt": 1590883200, "price": 9.5, "new": true}
      {"id": "b", "name": "Two", "genre": "x|z"}
      {"title": "nobody"}
      not json
      """
    let data = try read("user,item\n1,a\n2,b\n", items: items) { $0.brokenShareMax = 0.5 }
    #expect(data.items.map(\.title) == ["One", "Two"])
    #expect(data.items.map(\.categories) == [["x", "y"], ["x", "z"]])
    #expect(data.items[0].publishedAt == 1_590_883_200)
    #expect(data.items[0].metadata == [.init("new", "true"), .init("price", "9.5")])
    #expect(data.report.itemsBroken.first.map(\.description) == ["line 3: no item id", "line 4: no JSON object"])
  }

  // MARK: - MovieLens

  @Test func `the older MovieLens sets are read as they come`() throws {
    folder.write("1::1193::5::978300760\n2::661::3::978302109\n2::1193::1::978302110\n", to: "ratings.dat")
    folder.write(
      "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n661::James (1996)::Animation|Musical\n", to: "movies.dat")
    let data = try Dataset.read(DatasetOptions(interactions: folder.path, identity: testIdentity))
    #expect(data.log.weights == [1, 0.6, 0])
    #expect(data.items.map(\.categories) == [["Drama"], ["Animation", "Musical"]])
    #expect(data.items[0].publishedAt == 157_766_400)
  }

  @Test func `ml-100k has tabs, bars and a flag per genre`() throws {
    folder.write("196\t242\t3\t881250949\n186\t302\t5\t891717742\n", to: "u.data")
    let flags = "0|0|0|0|0|1|0|0|0|0|0|0|0|0|1|0|0|0|0"
    folder.write(
      "242|Kolya (1996)|24-Jan-1997||http://x|\(flags)\n302|L.A. (1997)|01-Jan-1997||http://y|\(flags)\n", to: "u.item")
    let data = try Dataset.read(DatasetOptions(interactions: folder.path, identity: testIdentity))
    #expect(data.items.map(\.categories) == [["Comedy", "Romance"], ["Comedy", "Romance"]])
    #expect(data.items.map(\.title) == ["Kolya (1996)", "L.A. (1997)"])
  }

  @Test(arguments: [
    ("Heat (1995)", 1995), ("Fawlty Towers (1975-1979)", 1975), ("Cube 2: Hypercube (2002) ", 2002),
    ("(500) Days of Summer (2009)", 2009),
  ])
  func `the year stands in the last parenthesis of a title`(title: String, year: Int) {
    #expect(MovieLens.year(ofTitle: title) == year)
  }

  @Test func `a title without a year has none`() {
    #expect(MovieLens.year(ofTitle: "Babylon 5") == nil)
    #expect(MovieLens.year(ofTitle: "Movie (Part Two)") == nil)
  }

  @Test(.enabled(if: SharedData.has("movielens-small/ratings.csv"), "the MovieLens data is not beside this checkout"))
  func `ml-latest-small has 100,836 ratings of 610 users and 9,742 films`() throws {
    let data = try Dataset.read(
      DatasetOptions(interactions: SharedData.path("movielens-small"), identity: testIdentity))
    #expect(data.report.rows == 100_836)
    #expect(data.report.interactions == 100_836)
    #expect(data.report.broken.count == 0)
    #expect(data.report.users == 610)
    #expect(data.items.count == 9742)
    #expect(data.report.items == 9724)
    #expect(data.report.coldItems == 18)
    let titles = Dictionary(uniqueKeysWithValues: data.items.map { ($0.id, $0) })
    #expect(titles["11"]?.title == "American President, The (1995)")
    #expect(titles["11"]?.categories == ["Comedy", "Drama", "Romance"])
    #expect(titles["37830"]?.title == "Final Fantasy VII: Advent Children (2004)")
    #expect(titles.values.contains { $0.title.contains("\"") })
    #expect(titles["1"]?.publishedAt == 788_918_400)
    print("ml-latest-small read in \(data.report.seconds) s")
  }

  @Test(.enabled(if: SharedData.has("gowalla/train.txt"), "the Gowalla data is not beside this checkout"))
  func `Gowalla has 810,128 pairs`() throws {
    let data = try Dataset.read(
      DatasetOptions(interactions: SharedData.path("gowalla/train.txt"), identity: testIdentity))
    #expect(data.report.interactions == 810_128)
    #expect(data.report.users == 29_858)
    #expect(data.report.items == 40_981)
  }

  @Test(.enabled(if: SharedData.has("serenade/train.txt"), "the Serenade data is not beside this checkout"))
  func `the Serenade log has 113,601 events of 23,753 sessions, in order of time after reading`() throws {
    let data = try Dataset.read(
      DatasetOptions(interactions: SharedData.path("serenade/train.txt"), identity: testIdentity))
    #expect(data.report.rows == 113_601)
    #expect(data.report.users == 23_753)
    #expect(data.report.items == 18_009)
    #expect(zip(data.log.times, data.log.times.dropFirst()).allSatisfy { $0 <= $1 })
  }
}
