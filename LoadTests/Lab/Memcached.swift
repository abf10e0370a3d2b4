/// A real memcached on a port of its own.
public final class MemcachedProcess {
  public let port: Int
  public var address: String { "127.0.0.1:\(port)" }
  public private(set) var process: LabProcess
  private let lab: Lab
  private let cpus: [Int]

  /// Starts one with 64 MB and one thread, and waits until it answers.
  public init(_ lab: Lab, cpus: [Int] = []) throws(LabError) {
    self.lab = lab
    self.cpus = cpus
    port = try freePort()
    process = try MemcachedProcess.start(lab, port, cpus)
  }

  /// Starts an empty one in the same place, after its end.
  public func restart() throws(LabError) {
    process.end()
    process = try MemcachedProcess.start(lab, port, cpus)
  }

  private static func start(_ lab: Lab, _ port: Int, _ cpus: [Int]) throws(LabError) -> LabProcess {
    var words = ["memcached", "-l", "127.0.0.1", "-p", "\(port)", "-U", "0", "-m", "64", "-t", "1"]
    // memcached refuses to run as root unless it is told that root is meant.
    if isRoot { words += ["-u", "root"] }
    let process = try lab.start("memcached", words, cpus: cpus)
    try process.wait(for: "connection") { answers(port: port) }
    return process
  }

  /// Sets keys to values.
  public func store(_ values: [String: [UInt8]]) throws(LabError) {
    guard let socket = BlockingSocket(port: port) else { throw .trouble("memcached on \(address) does not answer") }
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      socket.send(Array("set \(key) 0 0 \(value.count) noreply\r\n".utf8) + value + Array("\r\n".utf8))
    }
    // An answer to what comes last says that all before it was done.
    socket.send(Array("mn\r\n".utf8))
    guard let end = socket.receive(), String(decoding: end, as: UTF8.self) == "MN\r\n" else {
      throw .trouble("memcached on \(address) did not take \(values.count) values")
    }
  }

  /// One of memcached's own counters, as in `curr_items`; nil when it does not answer.
  public func statistic(_ name: String) -> Int? {
    guard let socket = BlockingSocket(port: port), socket.send(Array("stats\r\n".utf8)) else { return nil }
    var text = ""
    while !text.hasSuffix("END\r\n") {
      guard let more = socket.receive() else { return nil }
      text += String(decoding: more, as: UTF8.self)
    }
    for line in text.split(separator: "\r\n") {
      let words = line.split(separator: " ")
      if words.count == 3, words[1] == name { return Int(words[2]) }
    }
    return nil
  }
}
