import Bytes
import TestSupport
import Testing

@testable import Model

private func fault(_ value: [UInt8]) -> WindowFault? {
  do {
    _ = try Window(value.span.bytes)
    return nil
  } catch { return error }
}

private func ids(_ value: [UInt8]) -> [String] {
  let window = try! Window(value.span.bytes)
  var ids: [String] = []
  for event in 0..<window.count { ids.append(String(copying: window.itemID(event))) }
  return ids
}

@Suite struct WindowTests {
  @Test func `the bytes of a window of two are these`() {
    let value = window([("item-7", .purchase, 0x6553_F101), ("b", .click, 0x6553_F100)])
    let hex = text { $0.append(hex: value.span.bytes) }
    #expect(hex == "4e545731" + "02" + "01f15365" + "04" + "06" + "6974656d2d37" + "00f15365" + "01" + "01" + "62")
  }

  @Test func `an empty window is five bytes`() {
    let value = bytes { Window.appendEmpty(to: &$0) }
    #expect(value == Array("NTW1\0".utf8))
    #expect(fault(value) == nil)
    #expect(ids(value) == [])
  }

  @Test func `what went in comes out, newest first`() throws {
    let value = window([("c", .view, 30), ("b", .addToCart, 20), ("a", .click, 10)])
    let window = try Window(value.span.bytes)
    let times = [window.time(0), window.time(1), window.time(2)]
    let types = [window.type(0), window.type(1), window.type(2)]
    #expect(times == [30, 20, 10])
    #expect(types == [.view, .addToCart, .click])
    #expect(ids(value) == ["c", "b", "a"])
  }

  @Test func `the eleventh event pushes out the oldest`() {
    let value = window((1...15).reversed().map { (id: "i\($0)", type: InteractionType.view, time: UInt32($0)) })
    #expect(ids(value) == (6...15).reversed().map { "i\($0)" })
  }

  @Test func `an event that arrives late stands where its time is`() {
    let value = window([("late", .click, 15), ("c", .click, 30), ("b", .click, 20), ("a", .click, 10)])
    #expect(ids(value) == ["c", "b", "late", "a"])
    let full = window((1...10).reversed().map { (id: "i\($0)", type: InteractionType.view, time: UInt32(100 + $0)) })
    let box = ByteBox()
    let older = WindowEvent(time: 1, type: .click, itemID: "older".utf8.span.bytes)!
    let old = try! Window(full.span.bytes)
    old.append(adding: older, to: &box.buffer)
    #expect(Array(copying: box.buffer.bytes) == full, "older than ten others: nothing changes")
  }

  @Test func `of two events of one second the later to arrive is the newer`() {
    #expect(ids(window([("second", .click, 5), ("first", .click, 5)])) == ["second", "first"])
  }

  @Test func `one event makes a window`() {
    let event = WindowEvent(time: 9, type: .click, itemID: "x".utf8.span.bytes)!
    let value = bytes { Window.append(event, to: &$0) }
    #expect(ids(value) == ["x"])
  }

  @Test func `the largest window is as large as it says`() {
    let id = String(repeating: "x", count: 255)
    let value = window((0..<10).map { (id: id, type: .view, time: UInt32(100 - $0)) })
    #expect(value.count == Window.bytesMax)
    #expect(fault(value) == nil)
    let tooLong = WindowEvent(time: 0, type: .view, itemID: (id + "x").utf8.span.bytes) == nil
    #expect(tooLong)
    let empty = WindowEvent(time: 0, type: .view, itemID: "".utf8.span.bytes) == nil
    #expect(empty)
  }

  @Test func `a damaged window is none`() {
    let value = window([("abc", .click, 1), ("de", .view, 0)])
    for length in 0..<value.count { #expect(fault(Array(value.prefix(length))) != nil, "\(length) bytes") }
    #expect(fault(value + [0]) == .trailing)
    #expect(fault(Array("NTW2\0".utf8)) == .foreign)
    #expect(fault(Array("NTW1\u{B}".utf8)) == .count)
    var unknown = value
    unknown[9] = 9
    #expect(fault(unknown) == .type)
    var random = SeededRandom(seed: 21)
    for _ in 0..<5_000 {
      var broken = value
      broken[Int.random(in: 0..<value.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      if fault(broken) == nil { #expect(ids(broken).allSatisfy { !$0.isEmpty }) }
    }
  }
}
