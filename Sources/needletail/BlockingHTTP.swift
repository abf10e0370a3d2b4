import Glibc

/// One GET over a connection of its own, for commands that ask a running node. Blocks.
struct BlockingHTTP {
  struct Answer {
    let status: Int
    let head: String
    let body: String

    /// The value of a header field, by its lower-case name.
    func field(_ name: String) -> String? {
      for line in head.split(separator: "\r\n").dropFirst() {
        guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
        return line[line.index(after: colon)...].trimmingPrefix(while: { $0 == " " }).description
      }
      return nil
    }
  }

  /// `host:port` with an IPv4 literal or a name.
  let address: String

  func get(_ target: String, method: String = "GET", fields: [String] = [], body: String = "") throws -> Answer {
    let descriptor = try connect()
    defer { close(descriptor) }
    var request = "\(method) \(target) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n"
    for field in fields { request += field + "\r\n" }
    if !body.isEmpty { request += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
    request += "\r\n" + body
    try send(request, to: descriptor)
    return try parse(receive(from: descriptor))
  }

  private func connect() throws -> Int32 {
    guard let colon = address.lastIndex(of: ":") else { throw CommandFailure(.usage, "\(address) is no host:port") }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let host = String(address[..<colon]), port = String(address[address.index(after: colon)...])
    guard getaddrinfo(host.isEmpty ? "127.0.0.1" : host, port, &hints, &found) == 0, let found else {
      throw CommandFailure(.unavailable, "\(host) has no address")
    }
    defer { freeaddrinfo(found) }
    let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    guard Glibc.connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw CommandFailure(.unavailable, "no node answers on \(address): \(reason). Is `needletail serve` running?")
    }
    return descriptor
  }

  private func send(_ text: String, to descriptor: Int32) throws {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let wrote = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard wrote > 0 else { throw CommandFailure(.unavailable, "the connection to \(address) broke") }
      sent += wrote
    }
  }

  private func receive(from descriptor: Int32) throws -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let read = recv(descriptor, &chunk, chunk.count, 0)
      if read < 0 && errno == EINTR { continue }
      guard read >= 0 else { throw CommandFailure(.unavailable, "\(address) did not answer in time") }
      if read == 0 { return all }
      all += chunk[..<read]
    }
  }

  private func parse(_ bytes: [UInt8]) throws -> Answer {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n"),
      let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else {
      throw CommandFailure(.unavailable, "what answers on \(address) does not speak HTTP")
    }
    return Answer(status: status, head: String(text[..<end.lowerBound]), body: String(text[end.upperBound...]))
  }
}
