import Bytes
import Testing

@testable import Memcached

/// One connection driven by literal bytes: what it did, as text.
final class Driven {
  private var connection: MetaConnection
  var now: UInt64 = 1000
  private var kept: [UInt8] = []
  private(set) var log: [String] = []

  init(pendingMax: Int = 8, firstOpaque: UInt32 = 0, greeted: Bool = true) {
    connection = MetaConnection(pendingMax: pendingMax, timeoutNanoseconds: 8000, firstOpaque: firstOpaque)
    if greeted {
      connection.sent()
      feed("VERSION 1.6.18\r\nEN O\(firstOpaque)\r\n")
      log = []
    }
  }

  @discardableResult
  func get(_ key: String = "k", echoesKey: Bool = false, ticket: UInt64? = 1) -> MemcachedFailure? {
    do throws(MemcachedFailure) {
      try connection.get(
        key: key.utf8.span.bytes, recacheSeconds: nil, vivifySeconds: nil, echoesKey: echoesKey, ticket: ticket, now: now)
      return nil
    } catch { return error }
  }

  @discardableResult
  func set(_ key: String = "k", _ value: String = "v", mode: SetMode = .always, ticket: UInt64? = 1) -> MemcachedFailure? {
    do throws(MemcachedFailure) {
      try connection.set(
        key: key.utf8.span.bytes, value: value.utf8.span.bytes, flags: 1, ttlSeconds: 60, mode: mode, ticket: ticket, now: now)
      return nil
    } catch { return error }
  }

  func delete(ticket: UInt64? = 1) {
    try! connection.delete(key: "k".utf8.span.bytes, cas: nil, staleSeconds: nil, ticket: ticket, now: now)
  }

  func feed(_ text: String) { feed(Array(text.utf8)) }

  func feed(_ bytes: [UInt8]) {
    kept += bytes
    while true {
      switch connection.step(kept.span.bytes, now: now) {
      case .needMore: return
      case .greeted(let consumed): kept.removeFirst(consumed)
      case .ready(let consumed):
        log.append("ready")
        kept.removeFirst(consumed)
      case .answer(let answer, let consumed):
        let value = String(decoding: kept[answer.value], as: UTF8.self)
        log.append("\(answer.request.ticket.map { "#\($0)" } ?? "-") \(answer.status) \(value)")
        kept.removeFirst(consumed)
      case .broken(let failure, let problem):
        log.append("broken \(failure)\(problem.map { " \($0)" } ?? "")")
        return
      }
    }
  }

  var output: String { connection.withOutput { String(copying: $0) } }
  var stage: MetaConnection.Stage { connection.stage }
  var version: ServerVersion? { connection.version }
  var pendingCount: Int { connection.pendingCount }
  func sent() { connection.sent() }
  func greetingLeaves() { connection.greetingLeaves(now: now) }
  func close() { connection.close() }
  func isOverdue(now: UInt64) -> Bool { connection.isOverdue(now: now) }
  func step(_ bytes: [UInt8], now: UInt64) -> MetaConnection.Step { connection.step(bytes.span.bytes, now: now) }

  func unanswered() -> [UInt64?] {
    connection.removeAllPending().map(\.ticket)
  }
}

@Suite struct MetaConnectionTests {
    // MARK: Greeting

  @Test func `a connection greets before it takes requests`() {
    let driven = Driven(greeted: false)
    #expect(driven.output == "version\r\nmg nt1:probe v t c f O0\r\n")
    #expect(driven.get() == .down)
    driven.feed("VERSION 1.6.18\r\n")
    #expect(driven.get() == .down)
    driven.feed("EN O0\r\n")
    #expect(driven.log == ["ready"])
    #expect(driven.get() == nil)
    #expect(driven.version == ServerVersion(major: 1, minor: 6, patch: 18))
  }

  @Test func `a key that was asked to be named must be named in the answer, hit or miss`() {
    let driven = Driven()
    driven.get("mine", echoesKey: true)
    driven.get("mine", echoesKey: true)
    #expect(driven.output == "mg mine v t c f k O1\r\nmg mine v t c f k O2\r\n")
    driven.feed("VA 1 t60 c1 f0 kmine O1\r\nx\r\nEN kmine O2\r\n")
    #expect(driven.log == ["#1 hit x", "#1 miss "])
  }

  @Test(arguments: [
    "VA 1 t60 c1 f0 kyours O1\r\nx\r\n", "VA 1 t60 c1 f0 O1\r\nx\r\n", "EN kmin O1\r\n", "EN k O1\r\n", "EN O1\r\n",
    "EN kmine kmine O1\r\n",
  ]) func `an answer that names another key, or none, ends the connection`(bytes: String) {
    let driven = Driven()
    driven.get("mine", echoesKey: true)
    driven.feed(bytes)
    #expect(driven.log == ["broken desynchronised"])
  }

  @Test func `a key that nobody asked to be named ends the connection`() {
    let driven = Driven()
    driven.get("mine")
    driven.feed("EN kmine O1\r\n")
    #expect(driven.log == ["broken desynchronised"])
  }

  @Test func `a probe that is answered later than a request may be is followed by another`() {
    let driven = Driven(greeted: false)
    driven.now = 5000
    driven.greetingLeaves()
    driven.sent()
    driven.feed("VERSION 1.6.18\r\n")
    driven.now = 13_000
    driven.feed("EN O0\r\n")
    #expect(driven.stage == .probing && driven.output == "mg nt1:probe v t c f O1\r\n")
    #expect(driven.get() == .down)
    driven.sent()
    driven.now = 20_999
    driven.feed("EN O1\r\n")
    #expect(driven.stage == .ready && driven.log == ["ready"])
  }

  @Test func `a greeting may be split anywhere, and its probe may hit`() {
    for greeting in ["VERSION 1.6.40-ubuntu1\r\nEN O0\r\n", "VERSION 1.7.0\r\nVA 2 t-1 c4 f0 O0\r\nhi\r\n"] {
      for split in 0...greeting.utf8.count {
        let driven = Driven(greeted: false)
        driven.feed(Array(greeting.utf8.prefix(split)))
        driven.feed(Array(greeting.utf8.dropFirst(split)))
        #expect(driven.log == ["ready"], "split at \(split)")
      }
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 400 Bad Request\r\n", "notMemcached(\"HTTP/1.1 400 Bad Request\")"),
    ("SSH-2.0-OpenSSH_9.2", "notMemcached(\"SSH-2.0-OpenSSH_9.2\")"),
    ("-ERR unknown command 'version'\r\n", "notMemcached(\"-ERR unknown command 'version'\")"),
    ("VERSION\n", "notMemcached(\"VERSION\")"), ("VERSION x.y.z\r\n", "notMemcached(\"VERSION x.y.z\")"),
    ("VERSION 1.6\r\n", "notMemcached(\"VERSION 1.6\")"), ("\u{16}\u{3}\u{1}\r\n", "notMemcached(\"...\")"),
    ("VERSION " + String(repeating: "1", count: 600), "notMemcached(\"VERSION \(String(repeating: "1", count: 72))\")"),
    ("VERSION 1.6.9\r\n", "tooOld(\"1.6.9\")"), ("VERSION 1.5.22\r\n", "tooOld(\"1.5.22\")"),
    ("VERSION 1.6.10\r\nEN\r\n", "probeFailed(\"EN\")"), ("VERSION 2.0.0\r\nERROR\r\n", "probeFailed(\"ERROR\")"),
    ("VERSION 1.6.18\r\nEN O1\r\n", "probeFailed(\"EN O1\")"), ("VERSION 1.6.18\r\nHD O0\r\n", "probeFailed(\"HD O0\")"),
    ("VERSION 1.6.18\r\nVA 1 t1 O0\r\nx\r\n", "probeFailed(\"VA 1 t1 O0\")"),
    ("VERSION 1.6.18\r\nBOO\r\n", "notMemcached(\"BOO\")"),
  ])
  func `a peer that is no memcached for us is closed and named`(bytes: String, problem: String) {
    let driven = Driven(greeted: false)
    driven.feed(bytes)
    let described = driven.log.first.map { $0.hasPrefix("broken desynchronised ") }
    #expect(described == true && driven.log.count == 1, "\(driven.log)")
    #expect(driven.stage == .closed)
    #expect(driven.unanswered().isEmpty)
    let again = Driven(greeted: false)
    var kept = Array(bytes.utf8)
    while true {
      let step = again.step(kept, now: 0)
      if case .greeted(let consumed) = step { kept.removeFirst(consumed); continue }
      if case .broken(_, let found?) = step { #expect("\(GreetingProblemText(found))" == problem) } else { Issue.record("\(step)") }
      break
    }
  }

  // MARK: Answers

  @Test func `answers meet their tickets, at every split`() {
    let answers = "VA 3 t60 c2 f5 O1\r\nabc\r\nEN O2\r\nHD O3\r\nNS O4\r\nEX O5\r\nNF O6\r\nHD O7\r\nNF O8\r\n"
    let expected = [
      "#10 hit abc", "#11 miss ", "- stored ", "#13 notStored ", "#14 exists ", "#15 notStored ", "#16 deleted ", "#17 miss ",
    ]
    for split in 0...answers.utf8.count {
      let driven = Driven()
      driven.get(ticket: 10)
      driven.get(ticket: 11)
      driven.set(ticket: nil)
      driven.set(mode: .add, ticket: 13)
      driven.set(mode: .ifUnchanged(cas: 1), ticket: 14)
      driven.set(mode: .ifUnchanged(cas: 1), ticket: 15)
      driven.delete(ticket: 16)
      driven.delete(ticket: 17)
      driven.feed(Array(answers.utf8.prefix(split)))
      driven.feed(Array(answers.utf8.dropFirst(split)))
      #expect(driven.log == expected, "split at \(split)")
      #expect(driven.pendingCount == 0)
    }
  }

  @Test func `a zero-length value is a miss that says who fills`() {
    let driven = Driven()
    driven.get()
    driven.get()
    var seen: [MetaFlags.Letters] = []
    var kept = Array("VA 0 t30 c1 f0 O1 W\r\n\r\nVA 0 t30 c1 f0 O2 Z\r\n\r\n".utf8)
    while case .answer(let answer, let consumed) = driven.step(kept, now: 5000) {
      #expect(answer.status == .miss)
      #expect(answer.flags.cas == 1)
      #expect(answer.durationNanoseconds == 4000)
      seen.append(answer.flags.letters.subtracting(.ofValue))
      kept.removeFirst(consumed)
    }
    #expect(seen == [.won, .alreadyWon])
  }

  @Test(arguments: [
    ("EN O2\r\n", MemcachedFailure.desynchronised),  // the second request's answer first
    ("EN O0\r\n", .desynchronised),  // an old one again
    ("EN O77\r\n", .desynchronised), ("EN\r\n", .desynchronised),
    ("HD O1\r\n", .desynchronised), ("NS O1\r\n", .desynchronised), ("EX O1\r\n", .desynchronised),
    ("VA 1 O1\r\nx\r\n", .desynchronised),  // flags are missing
    ("VA 1 t1 c1 f1 O1\r\nxy\r\n", .desynchronised), ("MN\r\n", .desynchronised), ("\r\n", .desynchronised),
    ("VALUE k 0 1\r\n", .desynchronised), ("VERSION 1.6.18\r\n", .desynchronised), ("\0\0\n", .desynchronised),
    ("CLIENT_ERROR bad command line format\r\n", .clientError), ("ERROR\r\n", .clientError),
    ("SERVER_ERROR out of memory\r\n", .serverError), ("SERVER_ERROR object too large for cache\r\n", .serverError),
  ])
  func `an answer that a get cannot have ends the connection`(bytes: String, failure: MemcachedFailure) {
    let driven = Driven()
    driven.get(ticket: 1)
    driven.get(ticket: 2)
    driven.feed(bytes + "EN O1\r\nEN O2\r\n")
    #expect(driven.log == ["broken \(failure)"])
    #expect(driven.unanswered() == [1, 2])
    #expect(driven.get() == .down)
    driven.feed("EN O1\r\n")
    #expect(driven.log.count == 1)
  }

  @Test(arguments: ["VA 1 t1 c1 f1 O1\r\nx\r\n", "EN O1\r\n"])
  func `an answer of a get does not answer a set or a delete`(bytes: String) {
    let set = Driven()
    set.set()
    set.feed(bytes)
    #expect(set.log == ["broken desynchronised"])
    let delete = Driven()
    delete.delete()
    delete.feed(bytes)
    #expect(delete.log == ["broken desynchronised"])
  }

  @Test func `bytes that nobody asked for end the connection`() {
    let driven = Driven()
    driven.feed("EN O1\r\n")
    #expect(driven.log == ["broken desynchronised"])
  }

  @Test(arguments: ["object too large for cache", "out of memory storing object"])
  func `a set that the server cannot store fails alone`(text: String) {
    let driven = Driven()
    driven.set(ticket: 1)
    driven.get(ticket: 2)
    driven.feed("SERVER_ERROR \(text)\r\nEN O2\r\n")
    #expect(driven.log == ["#1 failed(Memcached.MemcachedFailure.serverError) ", "#2 miss "])
  }

  @Test func `a set's error that was not the oldest one's is found out at the next answer`() {
    let driven = Driven()
    driven.set(ticket: 1)
    driven.set(ticket: 2)
    driven.feed("SERVER_ERROR out of memory storing object\r\nHD O1\r\n")
    #expect(driven.log.last == "broken desynchronised")
    #expect(driven.unanswered() == [2])
  }

  // MARK: Limits

  @Test func `as many requests as the ring has places, then overloaded, then room again`() {
    let driven = Driven(pendingMax: 3)
    #expect((1...4).map { driven.get(ticket: $0) } == [nil, nil, nil, .overloaded])
    driven.feed("EN O1\r\n")
    #expect(driven.get(ticket: 5) == nil)
    #expect(driven.get(ticket: 6) == .overloaded)
    driven.feed("EN O2\r\nEN O3\r\nEN O4\r\n")
    #expect(driven.log == ["#1 miss ", "#2 miss ", "#3 miss ", "#5 miss "])
  }

  @Test func `opaques wrap around 32 bits`() {
    let driven = Driven(pendingMax: 4, firstOpaque: .max - 1)
    for ticket in UInt64(1)...6 {
      driven.get(ticket: ticket)
      driven.feed("EN O\((UInt32.max - 1) &+ UInt32(ticket))\r\n")
    }
    #expect(driven.log == (1...6).map { "#\($0) miss " })
  }

  @Test func `a bad key and a value above the limit are refused before they leave`() {
    let driven = Driven()
    driven.sent()
    #expect(driven.get("") == .badKey)
    #expect(driven.get("a b") == .badKey)
    #expect(driven.get("k\r\nflush_all") == .badKey)
    #expect(driven.get(String(repeating: "k", count: 251)) == .badKey)
    #expect(driven.set("k", String(repeating: "v", count: MetaLimits.valueBytesMax + 1)) == .valueTooLarge)
    #expect(driven.output.isEmpty && driven.pendingCount == 0)
  }

  // MARK: Time

  @Test func `a request is overdue exactly at its timeout`() {
    let driven = Driven()
    #expect(!driven.isOverdue(now: .max / 2))
    driven.get(ticket: 1)
    driven.now = 5000
    driven.get(ticket: 2)
    #expect(!driven.isOverdue(now: 8999))
    #expect(driven.isOverdue(now: 9000))
    driven.feed("EN O1\r\n")
    #expect(!driven.isOverdue(now: 9000))
    #expect(driven.isOverdue(now: 13000))
  }

  @Test func `a late answer after the close meets nobody`() {
    let driven = Driven()
    driven.get(ticket: 1)
    driven.close()
    #expect(driven.unanswered() == [1])
    driven.feed("VA 1 t1 c1 f1 O1\r\nx\r\n")
    #expect(driven.log.isEmpty)
  }
}

/// The case and its text, without the words for people.
private struct GreetingProblemText: CustomStringConvertible {
  let description: String
  init(_ problem: GreetingProblem) {
    switch problem {
    case .notMemcached(let line): description = "notMemcached(\"\(line)\")"
    case .tooOld(let version): description = "tooOld(\"\(version)\")"
    case .probeFailed(let line): description = "probeFailed(\"\(line)\")"
    }
  }
}
