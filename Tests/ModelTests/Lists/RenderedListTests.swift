import Bytes
import TestSupport
import Testing

@testable import Model

/// A list of items `0 ..< count` with ids `i0`, `i1`, …
func list(_ numbers: [Int], keyHash: UInt64 = 77) -> [UInt8] {
  bytes { value in
    var writer = RenderedListWriter()
    writer.begin(keyHash: keyHash, createdAt: 1_700_000_000, freshSeconds: 60)
    for number in numbers { writer.add(itemHash: xxh3("i\(number)")) { $0.append(fragment(number)) } }
    writer.finish(into: &value)
  }
}

func fragment(_ number: Int) -> String {
  #"{"itemId":"i\#(number)","score":0.5000,"reason":"personalized","metadata":{"title":"T, \"\#(number)\"","tags":["a","b{"],"url":"/\#(number)"}},"#
}

/// Items cut from a list, as text.
func slice(
  _ value: [UInt8], upTo limit: Int, without numbers: [Int] = [], fields: [String] = [], continuing: Bool = false
) -> (text: String, written: Int) {
  let list = RenderedList(validated: value.span.bytes)
  var skipped = ItemHashSet(capacity: 4)
  for number in numbers { skipped.insert(xxh3("i\(number)")) }
  var selected = MetadataFields()
  for field in fields { selected.insert(field.utf8.span.bytes) }
  var body = ByteBuffer()
  let written = list.slice(upTo: limit, skipping: skipped, fields: selected, continuing: continuing, into: &body)
    .written
  return (String(copying: body.bytes), written)
}

private func fault(_ value: [UInt8], keyHash: UInt64 = 77) -> RenderedListFault? {
  do {
    _ = try RenderedList(value.span.bytes, keyHash: keyHash)
    return nil
  } catch { return error }
}

@Suite struct RenderedListTests {
  @Test func `the bytes of a list of two are these`() {
    let value = bytes { value in
      var writer = RenderedListWriter()
      writer.begin(keyHash: 0x0102_0304_0506_0708, createdAt: 0x6553_F100, freshSeconds: 60)
      writer.add(itemHash: 0xAABB) { $0.append("{\"itemId\":\"a\"},") }
      writer.add(itemHash: 0xCCDD) { $0.append("{\"itemId\":\"b\"},") }
      writer.finish(into: &value)
    }
    let hex = text { $0.append(hex: value.span.bytes) }
    #expect(
      hex == "4e544c31" + "0200" + "0000" + "00f15365" + "3c000000" + "0807060504030201"  // head
        + "34000000" + "43000000" + "52000000"  // offsets 52, 67, 82
        + "bbaa000000000000" + "ddcc000000000000"  // hashes
        + "7b226974656d4964223a2261227d2c" + "7b226974656d4964223a2262227d2c"  // fragments
        + "2754e779d30b630d")  // XXH3 of all before
  }

  @Test func `a list says what was put in`() throws {
    let value = list([3, 1, 4])
    let list = try RenderedList(value.span.bytes, keyHash: 77)
    let (count, createdAt, fresh, keyHash) = (list.count, list.createdAt, list.freshSeconds, list.keyHash)
    #expect(count == 3)
    #expect(createdAt == 1_700_000_000)
    #expect(fresh == 60)
    #expect(keyHash == 77)
    for (place, number) in [3, 1, 4].enumerated() {
      let hash = list.itemHash(place)
      #expect(hash == xxh3("i\(number)"))
      let text = String(copying: list.fragment(place))
      #expect(text == fragment(number))
    }
  }

  @Test func `a list without items is one`() throws {
    let value = list([])
    let empty = try RenderedList(value.span.bytes, keyHash: 77)
    let isEmpty = empty.isEmpty
    #expect(isEmpty)
    #expect(slice(value, upTo: 10) == ("", 0))
    #expect(slice(value, upTo: 10, continuing: true) == ("", 0))
  }

  @Test func `a change of any byte is a miss`() {
    let value = list([1, 2, 3])
    for place in value.indices {
      for change: UInt8 in [1, 0x80, 0xFF] {
        var broken = value
        broken[place] ^= change
        #expect(fault(broken) != nil, "byte \(place) ^ \(change)")
      }
    }
  }

  @Test func `a list cut short or made longer is a miss`() {
    let value = list([1, 2, 3])
    for length in 0..<value.count { #expect(fault(Array(value.prefix(length))) != nil, "\(length) bytes") }
    #expect(fault(value + [0]) != nil)
  }

  @Test func `another key's list is a miss`() {
    #expect(fault(list([1]), keyHash: 78) == .otherKey)
    #expect(fault(Array("[{\"itemId\":\"x\",\"score\":1}]             ".utf8)) == .foreign)
    #expect(fault([]) == .truncated)
  }

  /// Who can write the checksum can write anything: bounds hold even then.
  @Test func `a list with the right checksum and wrong offsets is a miss`() {
    func resealed(_ change: (inout [UInt8]) -> Void) -> RenderedListFault? {
      var value = list([1, 2, 3])
      change(&value)
      let body = Array(value.dropLast(8))
      let sum = xxh3(body.span.bytes)
      return fault(body + withUnsafeBytes(of: sum.littleEndian) { Array($0) })
    }
    #expect(resealed { _ in } == nil)
    #expect(resealed { $0[4] = 101 } == .count)
    #expect(resealed { $0[4] = 100 } == .truncated)
    #expect(resealed { $0[4] = 2 } == .offsets)
    #expect(resealed { $0[6] = 1 } == .count)
    #expect(resealed { $0[24] += 1 } == .offsets)
    #expect(resealed { $0[28] = 0 } == .offsets)
    #expect(resealed { $0[28] += 1 } == .fragment)
    #expect(resealed { $0[27] = 0xFF } == .offsets)
    #expect(resealed { $0[36] -= 3 } != nil)
    #expect(resealed { $0[39] = 0x80 } == .offsets)
    var random = SeededRandom(seed: 11)
    for _ in 0..<2_000 {
      _ = resealed { value in
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          value[Int.random(in: 0..<40, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
      }
    }
  }

  @Test func `a list holds a hundred items`() throws {
    let value = list(Array(0..<100))
    let full = try RenderedList(value.span.bytes, keyHash: 77)
    let count = full.count
    #expect(count == RenderedList.itemsMax)
    #expect(slice(value, upTo: 1_000).written == 100)
  }
}

@Suite struct SliceTests {
  private func joined(_ numbers: [Int]) -> String { String(numbers.map(fragment).joined().dropLast()) }

  @Test func `the first items are one slice less a comma`() {
    #expect(slice(list([1, 2, 3]), upTo: 2) == (joined([1, 2]), 2))
    #expect(slice(list([1, 2, 3]), upTo: 9) == (joined([1, 2, 3]), 3))
    #expect(slice(list([1, 2, 3]), upTo: 0) == ("", 0))
  }

  @Test func `what is to be skipped is not there, whatever stands around it`() {
    var random = SeededRandom(seed: 5)
    for round in 0..<300 {
      let count = Int.random(in: 0...12, using: &random)
      let limit = Int.random(in: 0...12, using: &random)
      let skipped = (0..<12).filter { _ in Bool.random(using: &random) }
      let expected = Array((0..<count).filter { !skipped.contains($0) }.prefix(limit))
      let cut = slice(list(Array(0..<count)), upTo: limit, without: skipped)
      #expect(cut == (joined(expected), expected.count), "round \(round), seed 5: \(count) \(limit) \(skipped)")
    }
  }

  @Test func `a second list tops up behind a comma and repeats nothing`() {
    let (first, second) = (list([1, 2, 3]), list([3, 2, 4, 5]))
    var skipped = ItemHashSet()
    skipped.insert(xxh3("i1"))
    let all = MetadataFields()
    var body = ByteBuffer()
    let list = RenderedList(validated: first.span.bytes)
    let written = list.slice(upTo: 4, skipping: skipped, fields: all, into: &body).written
    skipped.insert(itemsOf: list)
    let rest = RenderedList(validated: second.span.bytes)
    let more = rest.slice(upTo: 4 - written, skipping: skipped, fields: all, continuing: written > 0, into: &body)
      .written
    #expect(written + more == 4)
    let text = String(copying: body.bytes)
    #expect(text == joined([2, 3, 4, 5]))
  }

  @Test func `a list that gives nothing leaves no comma`() {
    #expect(slice(list([1, 2]), upTo: 5, without: [1, 2], continuing: true) == ("", 0))
    #expect(slice(list([1, 2]), upTo: 5, without: [1], continuing: true) == ("," + joined([2]), 1))
  }

  @Test func `chosen fields of the metadata stay, the others go`() {
    let cut = slice(list([7]), upTo: 1, fields: ["url", "missing", "title"])
    #expect(
      cut.text
        == #"{"itemId":"i7","score":0.5000,"reason":"personalized","metadata":{"title":"T, \"7\"","url":"/7"}}"#)
    let tags = slice(list([7, 8]), upTo: 2, without: [7], fields: ["tags"])
    #expect(
      tags.text == #"{"itemId":"i8","score":0.5000,"reason":"personalized","metadata":{"tags":["a","b{"]}}"#)
    let none = slice(list([7]), upTo: 1, fields: ["no"])
    #expect(none.text == #"{"itemId":"i7","score":0.5000,"reason":"personalized","metadata":{}}"#)
  }

  @Test func `members are walked without leaving broken JSON`() {
    for text in [
      "", "{", "{}", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":[", "{\"a\":{\"b\":\"}", "x",
      "{\"a\":\"\\",
    ] {
      var members = JSONMembers(text.utf8.span.bytes)
      var count = 0
      while members.next() != nil { count += 1 }
      #expect(count == 0, "\(text)")
    }
  }
}

@Suite struct ItemHashSetTests {
  @Test func `a set holds what went in, through growth and emptying`() {
    var set = ItemHashSet(capacity: 2)
    var random = SeededRandom(seed: 3)
    for round in 0..<50 {
      var truth: Set<UInt64> = []
      for _ in 0..<Int.random(in: 0...200, using: &random) {
        // Few distinct low bits, so that runs of probes are long.
        let hash = UInt64.random(in: 0...50, using: &random) << 32 | UInt64.random(in: 0...7, using: &random)
        let isNew = set.insert(hash)
        #expect(isNew == truth.insert(hash).inserted)
      }
      let count = set.count
      #expect(count == truth.count, "round \(round), seed 3")
      for high in 0...50 {
        for low in 0...7 {
          let hash = UInt64(high) << 32 | UInt64(low)
          let contains = set.contains(hash)
          #expect(contains == truth.contains(hash))
        }
      }
      set.removeAll()
    }
    let isEmpty = set.isEmpty
    #expect(isEmpty)
  }

  @Test func `what a slice shows is told, with what it skips left out`() {
    let value = list([5, 6, 7, 8, 9])
    let list = RenderedList(validated: value.span.bytes)
    var skipped = ItemHashSet(capacity: 4)
    for number in [5, 8] { skipped.insert(xxh3("i\(number)")) }
    for limit in 0...6 {
      var shown: [UInt64] = [1]
      list.appendShown(upTo: limit, skipping: skipped, to: &shown)
      var body = ByteBuffer()
      let written = list.slice(upTo: limit, skipping: skipped, fields: MetadataFields(), into: &body).written
      #expect(shown == [1] + [6, 7, 9].prefix(limit).map { xxh3("i\($0)") }, "\(limit)")
      #expect(shown.count == 1 + written)
    }
  }
}
