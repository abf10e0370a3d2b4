import Bytes
import Events
import FoundationEssentials
import TestSupport
import Testing

@testable import Trainer

struct FlatJSONTests {
  private func members(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var json = FlatJSON(bytes.span.bytes)
    var found: [String] = []
    while true {
      switch json.next() {
      case .end: return found
      case .broken: return found + ["broken"]
      case .member(let member):
        let name = String(copying: json.bytes.extracting(member.name))
        let value = json.unescaped(member.value).map { String(decoding: $0, as: UTF8.self) } ?? "?"
        found.append("\(name)=\(member.isString ? "'\(value)'" : value)")
      }
    }
  }

  @Test func `members come one by one, whatever their values are`() {
    #expect(members(#"{"a":"x","b":-1.5e3,"c":true,"d":null}"#) == ["a='x'", "b=-1.5e3", "c=true", "d=null"])
    #expect(members(#" { "a" : [1,{"b":"]"},"}"] , "c" : {"d":{}} } "#) == [#"a=[1,{"b":"]"},"}"]"#, #"c={"d":{}}"#])
    #expect(members("{}") == [])
  }

  @Test func `escapes are resolved`() {
    #expect(members(#"{"a":"q\"b\\s\/n\n\u00e9\ud83d\ude00"}"#) == ["a='q\"b\\s/n\né😀'"])
    #expect(members(#"{"a":"\ud83d"}"#) == ["a='?'"])
    #expect(members(#"{"a":"\x"}"#) == ["a='?'"])
  }

  @Test(arguments: [
    "", "[1]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1}x", "{\"a\":\"x}", "{\"a\":1,}", "{\"a\":[1}", "{a:1}",
  ])
  func `what is no object is broken`(text: String) {
    #expect(members(text).last == "broken")
  }
}

struct EventSegmentsTests {
  let folder = TemporaryFolder()

  private func event(_ type: EventType, _ user: String, _ item: String, _ time: UInt32) -> EventRecord {
    EventRecord(
      type: type, user: testIdentity.hash(user.utf8.span.bytes), itemID: item, time: time,
      eventID: "\(user)\(item)\(time)")
  }

  private func write(_ records: [EventRecord], hour: UInt32) throws {
    var writer = try SegmentWriter(folder: folder.file("events"))
    try writer.write(records, now: hour * 3600)
  }

  @Test func `a gateway's segments are interactions of the same users`() throws {
    try write([event(.view, "ann", "a", 1000), event(.impression, "ann", "b", 1001)], hour: 10)
    try write([event(.purchase, "bob", "b \"2\"", 5000), event(.view, "ann", "b \"2\"", 4000)], hour: 11)
    let data = try Dataset.read(DatasetOptions(interactions: folder.file("events"), identity: testIdentity))
    #expect(data.report.format == .eventSegments)
    #expect(data.report.rows == 4)
    #expect(data.report.ignored == 1)
    #expect(data.log.itemIds == ["a", "b \"2\""])
    #expect(data.log.times == [1000, 4000, 5000])
    #expect(data.log.weights == [1, 1, 5])
    #expect(data.log.userHashes == ["ann", "bob"].map { testIdentity.hash($0.utf8.span.bytes) })
  }

  @Test func `segments are added to an older log, whose users they continue`() throws {
    let log = folder.write("user,item,time\nann,a,100\nbob,c,200\n", to: "log.csv")
    try write([event(.click, "ann", "c", 3000), event(.click, "eve", "a", 3100)], hour: 9)
    var options = DatasetOptions(interactions: log, identity: testIdentity)
    options.events = [folder.file("events"), folder.file("absent")]
    let data = try Dataset.read(options)
    #expect(data.log.users == [0, 1, 0, 2])
    #expect(data.log.items == [0, 1, 1, 0])
    #expect(data.report.eventRows == 2)
    #expect(data.log.hasTimes)

    let rated = folder.write("user,item,rating,time\nann,a,1,100\nann,b,5,100\nbob,c,5,200\n", to: "rated.csv")
    options.interactions = rated
    #expect(try Dataset.read(options).log.weights == [0, 1, 1, 1, 1])
  }

  @Test func `the last batch of a crash is left out, damage before it is an error`() throws {
    try write([event(.view, "ann", "a", 1000), event(.view, "bob", "b", 1001)], hour: 10)
    let path = EventSegments.files(of: folder.file("events"))[0]
    let whole = try Data(contentsOf: URL(filePath: path))
    try (whole + whole.prefix(whole.count / 2)).write(to: URL(filePath: path))
    #expect(try Dataset.read(DatasetOptions(interactions: path, identity: testIdentity)).report.rows == 2)
    try (Data([1, 2, 3, 4, 5, 6, 7, 8]) + whole).write(to: URL(filePath: path))
    #expect { try Dataset.read(DatasetOptions(interactions: path, identity: testIdentity)) } throws: {
      ($0 as? TrainError)?.cause == .badInput
    }
  }

  @Test func `plain JSON lines carry users' own ids under any of the usual names`() throws {
    let text = """
      {"userId": "ann", "itemId": 7, "eventType": "view", "ts": "1970-01-01T00:16:40Z", "extra": {"a": [1]}}
      {"userId": "bob", "itemId": "8", "sessionId": "s1"}
      not json
      {"userId": "bob"}
      {"userId": "bob", "itemId": "9", "weight": "much"}
      """
    var options = DatasetOptions(interactions: folder.write(text, to: "log.jsonl"), identity: testIdentity)
    options.brokenShareMax = 0.9
    let data = try Dataset.read(options)
    #expect(data.report.format == .jsonLines)
    #expect(data.log.itemIds == ["7", "8"])
    #expect(data.log.userHashes == ["ann", "bob"].map { testIdentity.hash($0.utf8.span.bytes) })
    #expect(!data.log.hasTimes, "one line has none")
    #expect(
      data.report.broken.first.map(\.description) == [
        "line 3: no JSON object", "line 4: no user or no item", "line 5: the weight is no number from 0 on",
      ])
  }
}
