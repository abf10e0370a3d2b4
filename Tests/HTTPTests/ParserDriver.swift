import Testing

@testable import HTTP

/// One request as the parser told it, copied out.
struct ReadRequest: Equatable, CustomStringConvertible {
  var method = HTTPMethod.get
  var target = ""
  var path = ""
  var query: String?
  var host: String?
  var versionMinor = 1
  var keepAlive = true
  var expectContinue = false
  var fields: [String] = []
  var body: [UInt8] = []
  var isComplete = false

  var description: String {
    "\(method.name) \(target) HTTP/1.\(versionMinor) \(fields) body: \(String(decoding: body, as: UTF8.self).debugDescription)"
      + (isComplete ? "" : " …")
  }
}

/// What came out of a run of bytes: requests, then perhaps an error.
struct Reading: Equatable, CustomStringConvertible {
  var requests: [ReadRequest] = []
  var status: Int?
  var reason: String?
  var isInsideRequest = false
  var isFinished = false
  /// Bytes that no step has consumed.
  var rest = 0

  var completeCount: Int { requests.filter(\.isComplete).count }

  var description: String { "\(requests) status: \(status ?? 0) \(reason ?? "") rest: \(rest)" }
}

/// A connection's parser and the bytes it has not consumed.
private struct Feed: ~Copyable {
  var parser: RequestParser
  var reading = Reading()
  var start = 0
  let input: [UInt8]
  let bodyBytesMax: Int?

  init(_ input: [UInt8], _ limits: HTTPLimits, _ bodyBytesMax: Int?) {
    parser = RequestParser(limits: limits)
    self.input = input
    self.bodyBytesMax = bodyBytesMax
  }

  /// Steps over what has arrived; false when the parser refused it.
  mutating func receive(upTo end: Int) -> Bool {
    let input = self.input
    var stepsLeft = 3 * (end - start) + 8
    while stepsLeft > 0 {
      stepsLeft -= 1
      do {
        let step = try parser.step(input.span.bytes.extracting(start..<end))
        if step == .needMore { return true }
        take(step, upTo: end)
      } catch {
        reading.status = error.status
        reading.reason = error.reason.description
        return false
      }
    }
    check(false, "no end of steps", input)
    return false
  }

  private mutating func take(_ step: Step, upTo end: Int) {
    let given = end - start
    switch step {
    case .needMore: break
    case .head(let count):
      check(count > 0 && count <= given, "head of \(count) bytes in \(given)", input)
      reading.requests.append(copy(parser.head, input, start..<start + count))
      if let bodyBytesMax { parser.bodyBytesMax = bodyBytesMax }
      start += count
    case .body(let range, let consumed):
      check(!range.isEmpty && range.upperBound == consumed && consumed <= given, "body \(range) of \(given)", input)
      reading.requests[reading.requests.count - 1].body += input[start + range.lowerBound..<start + range.upperBound]
      start += consumed
    case .end(let consumed):
      check(consumed >= 0 && consumed <= given, "end at \(consumed) of \(given)", input)
      reading.requests[reading.requests.count - 1].isComplete = true
      start += consumed
    }
  }

  consuming func finish() -> Reading {
    reading.isInsideRequest = parser.isInsideRequest
    reading.isFinished = parser.isFinished
    // How many bytes lie unread when an error is found depends on the cuts; nobody reads them.
    reading.rest = reading.status == nil ? input.count - start : 0
    return reading
  }
}

/// Feeds `input` up to each of `cuts` in turn, then all of it, as a connection would, and checks what must hold for any
/// input: ranges inside the bytes given, nothing consumed that was not given, an end in finitely many steps.
func read(
  bytes input: [UInt8], cuts: some Sequence<Int>, limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int? = nil
) -> Reading {
  var feed = Feed(input, limits, bodyBytesMax)
  var isGood = true
  for cut in cuts where isGood { isGood = feed.receive(upTo: max(cut, feed.start)) }
  if isGood { _ = feed.receive(upTo: input.count) }
  return feed.finish()
}

func read(bytes input: [UInt8], limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int? = nil) -> Reading {
  read(bytes: input, cuts: [], limits: limits, bodyBytesMax: bodyBytesMax)
}

func read(_ input: String, limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int? = nil) -> Reading {
  read(bytes: Array(input.utf8), cuts: [], limits: limits, bodyBytesMax: bodyBytesMax)
}

/// Reads `input` whole, byte by byte and cut once at every offset; every way must tell the same. Returns the whole one.
@discardableResult
func readEveryWay(bytes input: [UInt8], limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int? = nil) -> Reading {
  let whole = read(bytes: input, cuts: [], limits: limits, bodyBytesMax: bodyBytesMax)
  let byByte = read(bytes: input, cuts: 1..<max(1, input.count), limits: limits, bodyBytesMax: bodyBytesMax)
  check(byByte == whole, "byte by byte: \(byByte)\nwhole: \(whole)", input)
  for cut in 0..<input.count {
    let split = read(bytes: input, cuts: [cut], limits: limits, bodyBytesMax: bodyBytesMax)
    if split != whole { check(false, "cut at \(cut): \(split)\nwhole: \(whole)", input) }
  }
  return whole
}

@discardableResult
func readEveryWay(_ input: String, limits: HTTPLimits = HTTPLimits(), bodyBytesMax: Int? = nil) -> Reading {
  readEveryWay(bytes: Array(input.utf8), limits: limits, bodyBytesMax: bodyBytesMax)
}

/// Expects that `input`, cut in any way, is refused with `status` and no request before it is complete.
func expectRefusal(_ input: String, _ status: Int, sourceLocation: SourceLocation = #_sourceLocation) {
  let reading = readEveryWay(input)
  #expect(reading.status == status, "\(input.debugDescription): \(reading)", sourceLocation: sourceLocation)
  #expect(reading.completeCount == 0, "\(input.debugDescription)", sourceLocation: sourceLocation)
}

private func check(_ holds: Bool, _ what: @autoclosure () -> String, _ input: [UInt8]) {
  guard !holds else { return }
  Issue.record("\(what())\ninput: \(String(decoding: input, as: UTF8.self).debugDescription)")
}

private func copy(_ head: borrowing RequestHead, _ input: [UInt8], _ bounds: Range<Int>) -> ReadRequest {
  func text(_ range: Range<Int>) -> String {
    guard range.lowerBound >= 0 && range.upperBound <= bounds.count else {
      check(false, "range \(range) outside a head of \(bounds.count)", input)
      return ""
    }
    return String(
      decoding: input[bounds.lowerBound + range.lowerBound..<bounds.lowerBound + range.upperBound], as: UTF8.self)
  }
  var request = ReadRequest()
  request.method = head.method
  request.target = text(head.target)
  request.path = text(head.path)
  request.query = head.query.map(text)
  request.host = head.host.map(text)
  request.versionMinor = head.versionMinor
  request.keepAlive = head.keepAlive
  request.expectContinue = head.expectContinue
  for index in 0..<head.fieldCount {
    let (name, value) = head.field(index)
    request.fields.append("\(text(name)): \(text(value))")
  }
  return request
}
