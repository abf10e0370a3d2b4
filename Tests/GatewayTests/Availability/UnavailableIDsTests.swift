import JSON
import TestSupport
import Testing

@testable import Gateway

func change(_ body: String, whole: Bool = false) throws(RequestProblem) -> AvailabilityChange {
  try AvailabilityChange(Array(body.utf8), whole: whole, parser: JSONParser(maximumBytes: 1 << 20))
}

private func list(_ ids: Set<String>) -> String { "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
private func body(_ unavailable: Set<String>, _ available: Set<String>) -> String {
  #"{"unavailable":\#(list(unavailable)),"available":\#(list(available))}"#
}

@Suite struct UnavailableIDsTests {
  @Test(arguments: 1...20) func `changes come to what they would come to in a set`(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var ids = UnavailableIDs()
    var oracle: Set<String> = []
    for round in 0..<60 {
      var (gone, back): (Set<String>, Set<String>) = ([], [])
      for _ in 0..<Int.random(in: 0...40, using: &random) {
        let id = "i\(Int.random(in: 0..<200, using: &random))"
        if Bool.random(using: &random) { gone.insert(id) } else { back.insert(id) }
      }
      back.subtract(gone)
      let isWhole = round % 7 == 6
      let difference = try ids.apply(
        isWhole ? change(#"{"unavailable":\#(list(gone))}"#, whole: true) : change(body(gone, back)))
      let next = isWhole ? gone : oracle.union(gone).subtracting(back)
      let context = "seed \(seed), round \(round)"
      #expect(Set(difference.unavailable.map(\.text)) == next.subtracting(oracle), "\(context)")
      #expect(Set(difference.available.map(\.text)) == oracle.subtracting(next), "\(context)")
      oracle = next
      #expect(ids.ids.map(\.text) == oracle.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, "\(context)")
      for number in 0..<200 {
        #expect(ids.contains(ItemID("i\(number)")) == oracle.contains("i\(number)"), "\(context)")
      }
    }
  }

  @Test func `pages follow each other without a gap`() throws {
    var ids = UnavailableIDs()
    _ = try ids.apply(change(body(Set((0..<95).map { "i\($0)" }), [])))
    for limit in [1, 10, 94, 95, 96] {
      var all: [ItemID] = []
      var after: ItemID?
      while case let page = ids.page(after: after, limit: limit), let last = page.last {
        #expect(page.count <= limit)
        all += page
        after = last
      }
      #expect(all == ids.ids, "limit \(limit)")
    }
    // A page after an id that has gone meanwhile goes on where it would have stood.
    #expect(ids.page(after: ItemID("i4x"), limit: 1).first == ItemID("i5"))
  }

  @Test func `ids are told apart by their bytes`() throws {
    // U+00E9, and e with U+0301: one text for Unicode, two items for a shop.
    var ids = UnavailableIDs()
    let difference = try ids.apply(change(#"{"unavailable":["caf\u00e9","cafe\u0301"]}"#))
    #expect(difference.unavailable.count == 2 && ids.count == 2)
    _ = try ids.apply(change(#"{"available":["caf\u00e9"]}"#))
    #expect(ids.ids.map { Array($0.text.utf8) } == [Array("cafe\u{301}".utf8)])
  }

  @Test func `a set that would be too large is refused and stays as it was`() throws {
    let most = UnavailableIDs(ascending: (0..<UnavailableIDs.idsMax).map { ItemID("i\(1_000_000 + $0)") })
    var ids = try #require(most)
    #expect(throws: RequestProblem.self) { try ids.apply(change(#"{"unavailable":["more"]}"#)) }
    #expect(ids == most)
    let swap = try ids.apply(change(#"{"unavailable":["more"],"available":["i1000000"]}"#))
    #expect(swap.count == 2 && ids.count == UnavailableIDs.idsMax)
  }

  @Test func `a list that is not ascending is no set`() {
    #expect(UnavailableIDs(ascending: [ItemID("b"), ItemID("a")]) == nil)
    #expect(UnavailableIDs(ascending: [ItemID("a"), ItemID("a")]) == nil)
    #expect(UnavailableIDs(ascending: []) == UnavailableIDs())
  }
}

@Suite struct AvailabilityChangeTests {
  @Test func `an id that is named twice counts once`() throws {
    let change = try change(#"{"available":[],"unavailable":["b","a","b"]}"#)
    #expect(change.unavailable == [ItemID("a"), ItemID("b")] && change.available.isEmpty && !change.isWhole)
  }

  /// Body, whether it is the whole set, and where the mistake is.
  static let wrong: [(String, Bool, String?)] = [
    ("", false, nil), ("nonsense", false, nil), ("[]", false, nil), ("null", false, nil), ("{}", false, nil),
    (#"{"unavailable":"i1"}"#, false, "unavailable"), (#"{"unavailable":null}"#, false, "unavailable"),
    (#"{"unavailable":{}}"#, false, "unavailable"), (#"{"unavailable":[1]}"#, false, "unavailable/0"),
    (#"{"unavailable":["a",["b"]]}"#, false, "unavailable/1"), (#"{"unavailable":[""]}"#, false, "unavailable/0"),
    (#"{"unavailable":["\#(String(repeating: "x", count: 256))"]}"#, false, "unavailable/0"),
    (#"{"unavailabel":["a"]}"#, false, "unavailabel"), (#"{"unavailable":[],"more":[]}"#, false, "more"),
    (#"{"unavailable":["a"],"available":["b","a"]}"#, false, "available"),
    (#"{"unavailable":["a"],"unavailable":["b"]}"#, false, "unavailable"),
    (#"{"unavailable":["a"],"available":["b"]}"#, true, "available"),
    (#"{"unavailable":["\uD800"]}"#, false, nil), (#"{"unavailable":["a"]"#, false, nil),
    (String(repeating: "[", count: 100_000), false, nil),
  ]

  @Test(arguments: wrong.indices) func `a body that is wrong is refused, and says where`(index: Int) {
    let (body, isWhole, place) = AvailabilityChangeTests.wrong[index]
    let problem = #expect(throws: RequestProblem.self) { try change(body, whole: isWhole) }
    #expect(problem?.status == 400 && problem?.parameter == place, "\(body.prefix(80)): \(String(describing: problem))")
  }

  @Test func `bytes that are no text are refused`() {
    for bytes in [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80]] as [[UInt8]] {
      let body = Array(#"{"unavailable":["a"#.utf8) + bytes + Array(#""]}"#.utf8)
      let problem = #expect(throws: RequestProblem.self) {
        try AvailabilityChange(body, whole: false, parser: JSONParser(maximumBytes: 1 << 20))
      }
      #expect(problem?.status == 400, "\(bytes)")
    }
  }

  @Test func `too many ids in one call are refused, alone and together`() throws {
    let many = (0...AvailabilityChange.idsMax).map { "\"\($0)\"" }
    let half = many.count / 2
    for body in [
      #"{"unavailable":[\#(many.joined(separator: ","))]}"#,
      #"{"unavailable":[\#(many[..<half].joined(separator: ","))],"available":[\#(many[half...].joined(separator: ","))]}"#,
    ] {
      let problem = #expect(throws: RequestProblem.self) { try change(body) }
      #expect(problem?.status == 413)
    }
    let most = many.dropLast().joined(separator: ",")
    #expect(try change(#"{"unavailable":[\#(most)]}"#).unavailable.count == AvailabilityChange.idsMax)
  }
}
