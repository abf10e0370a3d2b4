import TestSupport

/// A look at a memcached from beside the gateway, by its own protocol.
final class RawMemcached {
  struct Value: Equatable {
    var bytes: [UInt8]
    var flags: Int
    /// Seconds left; -1 for none.
    var ttl: Int
  }

  private let socket: BlockingSocket
  private var inbox: [UInt8] = []

  init(_ server: MemcachedServer) { socket = server.connect() }

  /// Every key there is, sorted.
  func keys() -> [String] {
    while true {
      socket.send("lru_crawler metadump all\r\n")
      var keys: [String] = []
      while true {
        let line = self.line()
        if line == "END" { return keys.sorted() }
        guard line.hasPrefix("key=") else { break }  // BUSY: the crawler is at work for somebody else.
        keys.append(decoded(line.dropFirst(4).prefix { $0 != " " }))
      }
    }
  }

  func get(_ key: String) -> Value? {
    socket.send("mg \(key) v f t\r\n")
    let parts = line().split(separator: " ").map(String.init)
    guard parts.first == "VA" else { return nil }
    let bytes = take(Int(parts[1])!)
    _ = take(2)
    func number(_ flag: Character) -> Int {
      parts.dropFirst(2).first { $0.first == flag }.flatMap { Int($0.dropFirst()) } ?? -1
    }
    return Value(bytes: bytes, flags: number("f"), ttl: number("t"))
  }

  func set(_ key: String, _ bytes: [UInt8], flags: Int, ttl: Int = 1000) {
    socket.send(Array("ms \(key) \(bytes.count) F\(flags) T\(ttl)\r\n".utf8) + bytes + Array("\r\n".utf8))
    let answer = line()
    precondition(answer.hasPrefix("HD"), "memcached refused \(key): \(answer)")
  }

  /// Claims an absent key, as a gateway does that then dies: an empty stub.
  func claim(_ key: String, seconds: Int) {
    socket.send("mg \(key) v t N\(seconds)\r\n")
    let answer = line()
    precondition(answer.hasPrefix("VA 0 ") && answer.hasSuffix(" W"), "\(key) was not free: \(answer)")
    _ = take(2)
  }

  func delete(_ key: String) {
    socket.send("md \(key)\r\n")
    _ = line()
  }

  private func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func line() -> String {
    var at = 0
    while true {
      while at + 1 < inbox.count {
        if inbox[at] == 13 && inbox[at + 1] == 10 || inbox[at + 1] == 10 {
          let end = inbox[at] == 13 ? at : at + 1
          let text = String(decoding: inbox[..<end], as: UTF8.self)
          inbox.removeFirst(at + 2)
          return text
        }
        at += 1
      }
      fill()
    }
  }

  private func take(_ count: Int) -> [UInt8] {
    while inbox.count < count { fill() }
    defer { inbox.removeFirst(count) }
    return Array(inbox[..<count])
  }

  private func fill() {
    guard let bytes = socket.receiveBytes(timeoutMilliseconds: 20_000), !bytes.isEmpty else {
      preconditionFailure("memcached does not answer")
    }
    inbox += bytes
  }
}

/// Says to a gateway that connects what a memcached would, up to where requests begin; false when nobody asks.
func answerGreeting(_ socket: borrowing BlockingSocket) -> Bool {
  var text = ""
  while text.split(separator: "\r\n", omittingEmptySubsequences: false).count < 3 {
    guard let more = socket.receive(), !more.isEmpty else { return false }
    text += more
  }
  // The probe names itself with an opaque number, which its answer must repeat.
  guard let opaque = text.firstMatch(of: #/ O([0-9]+)/#) else { return false }
  socket.send("VERSION 1.6.18\r\nEN O\(opaque.1)\r\n")
  return true
}
