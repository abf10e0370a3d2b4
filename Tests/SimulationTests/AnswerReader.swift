/// Cuts a client's input into answers: Content-Length framing, which is all that a gateway sends.
struct AnswerReader {
  struct Answer {
    let status: Int
    let fields: [(name: String, value: String)]
    let body: [UInt8]

    subscript(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
  }

  private var bytes: [UInt8] = []
  private var start = 0

  var isEmpty: Bool { start == bytes.count }

  mutating func append(_ more: [UInt8]) {
    if start == bytes.count { (bytes, start) = ([], 0) }
    bytes += more
  }

  /// The next whole answer; nil when there is none. Throws what cannot be the beginning of one.
  mutating func next(toHead: Bool) throws(Malformed) -> Answer? {
    guard let end = headEnd() else { return nil }
    let lines = String(decoding: bytes[start..<end], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
    guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
      throw Malformed(line: String(decoding: bytes[start...].prefix(60), as: UTF8.self))
    }
    let fields = lines.dropFirst().map { line -> (name: String, value: String) in
      let colon = line.firstIndex(of: ":") ?? line.endIndex
      return (String(line[..<colon]), String(line[colon...].dropFirst().drop { $0 == " " }))
    }
    let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    let bodyCount = toHead || status == 304 || status == 204 || status < 200 ? 0 : length
    guard bytes.count >= end + 4 + bodyCount else { return nil }
    let body = Array(bytes[end + 4..<end + 4 + bodyCount])
    start = end + 4 + bodyCount
    return Answer(status: status, fields: fields, body: body)
  }

  private func headEnd() -> Int? {
    var at = start
    while at + 3 < bytes.count {
      if bytes[at] == 13, bytes[at + 1] == 10, bytes[at + 2] == 13, bytes[at + 3] == 10 { return at }
      at += 1
    }
    return nil
  }

  struct Malformed: Error { let line: String }
}
