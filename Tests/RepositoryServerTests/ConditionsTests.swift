import Testing

@testable import RepositoryServer

@Suite struct ConditionsTests {
  private let tag = "\"abc\""

  private func reading(_ range: String?, ifRange: String? = nil, of byteCount: Int = 100) -> Conditions.Reading {
    Conditions(ifRange: ifRange, range: range).reading(tag, byteCount: byteCount)
  }

  @Test func `without conditions the whole is sent`() { #expect(reading(nil) == .whole) }

  @Test(arguments: [
    ("bytes=0-0", 0..<1), ("bytes=10-19", 10..<20), ("bytes=90-", 90..<100), ("bytes=-5", 95..<100),
    ("bytes=-500", 0..<100), ("bytes=99-1000", 99..<100), ("BYTES=1-2", 1..<3), ("bytes=0-999999999999999999", 0..<100),
  ])
  func `a range is a part`(_ field: String, _ part: Range<Int>) { #expect(reading(field) == .part(part), "\(field)") }

  @Test(arguments: ["bytes=100-", "bytes=100-200", "bytes=-0"])
  func `a range beyond the end cannot be met`(_ field: String) { #expect(reading(field) == .unsatisfiable, "\(field)") }

  @Test func `nothing of an empty file can be asked for`() {
    #expect(reading("bytes=0-", of: 0) == .unsatisfiable)
    #expect(reading("bytes=-1", of: 0) == .unsatisfiable)
  }

  @Test(arguments: [
    "bytes=5-4", "bytes=-", "bytes=", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes 1-2", "bytes=1", "bytes=--1",
    "bytes=1-2-3", "bytes=+1-2", "bytes=9999999999999999999999-", "bytes=1- 2", "-1",
  ])
  func `a range that is none, or several, is as if it had not been asked`(_ field: String) {
    #expect(reading(field) == .whole, "\(field)")
  }

  @Test func `a part of another version is never sent`() {
    #expect(reading("bytes=10-19", ifRange: tag) == .part(10..<20))
    #expect(reading("bytes=10-19", ifRange: "\"other\"") == .whole)
    // Weak tags and dates do not say that the bytes are the same.
    #expect(reading("bytes=10-19", ifRange: "W/\"abc\"") == .whole)
    #expect(reading("bytes=10-19", ifRange: "Mon, 23 Nov 2026 12:00:00 GMT") == .whole)
  }

  @Test(arguments: [("\"abc\"", true), ("*", true), ("W/\"abc\"", true), ("\"x\", \"abc\"", true), ("\"x\"", false)])
  func `what the client has is not sent again`(_ list: String, _ isKnown: Bool) {
    let conditions = Conditions(ifNoneMatch: list, range: "bytes=1-2")
    #expect(conditions.reading(tag, byteCount: 100) == (isKnown ? .notModified : .part(1..<3)), "\(list)")
  }

  @Test(arguments: [("\"abc\"", true), ("*", true), ("\"x\",\"abc\"", true), ("W/\"abc\"", false), ("\"x\"", false)])
  func `If-Match compares strongly`(_ list: String, _ holds: Bool) {
    let conditions = Conditions(ifMatch: list)
    #expect(conditions.reading(tag, byteCount: 100) == (holds ? .whole : .changed), "\(list)")
    #expect(conditions.allowsWriting(over: tag) == holds, "\(list)")
    #expect(!conditions.allowsWriting(over: nil), "\(list)")
  }

  @Test func `If-None-Match with a star creates and never replaces`() {
    let conditions = Conditions(ifNoneMatch: "*")
    #expect(conditions.allowsWriting(over: nil))
    #expect(!conditions.allowsWriting(over: tag))
  }
}
