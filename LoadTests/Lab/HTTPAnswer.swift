/// One whole answer over a connection of its own: to look at a server, not to load it.
public struct HTTPAnswer: Sendable {
  public let status: Int
  /// By lower-case name.
  public let fields: [String: String]
  public let body: String
  /// Head and body together: what a peer has to send to be compared.
  public let bytesInAll: Int

  /// Asks a port of 127.0.0.1 and reads one answer of a kept-alive connection, as a load generator does. Nil when
  /// nobody listens or what comes is no answer with a length.
  public static func ask(
    _ method: String = "GET", port: Int, _ target: String, body: String = "", timeoutSeconds: Int = 5
  ) -> HTTPAnswer? {
    let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
    guard let socket = BlockingSocket(port: port, timeoutSeconds: timeoutSeconds),
      socket.send(Array("\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(length)\r\n\(body)".utf8))
    else { return nil }
    var bytes: [UInt8] = []
    while true {
      if let answer = parse(bytes) { return answer }
      guard let more = socket.receive() else { return nil }
      bytes += more
    }
  }

  /// nil while the answer is not complete.
  static func parse(_ bytes: [UInt8]) -> HTTPAnswer? {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    guard let first = lines.first, let status = first.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else {
      return nil
    }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].trimmingPrefix(while: { $0 == " " })
      fields[line[..<colon].lowercased()] = String(value)
    }
    let length = fields["content-length"].flatMap { Int($0.trimmingPrefix(while: { $0 == " " })) } ?? 0
    guard bytes.count >= end.upperBound + length else { return nil }
    return HTTPAnswer(
      status: status, fields: fields,
      body: String(decoding: bytes[end.upperBound..<end.upperBound + length], as: UTF8.self),
      bytesInAll: end.upperBound + length)
  }

  /// The tier that `Cache-Status` names.
  public var tier: String? {
    fields["cache-status"]?.split(separator: ";").lazy.compactMap { part -> String? in
      let trimmed = part.trimmingPrefix(while: { $0 == " " })
      return trimmed.hasPrefix("detail=") ? String(trimmed.dropFirst(7)) : nil
    }.first
  }
}
