/// What the kernel says of processes under /proc (proc(5)). Parsing apart from reading, so that it can be tested.
public enum ProcessTable {
  /// User and system time of processes with all their threads, in seconds; a process that has gone counts as nothing.
  ///
  /// The kernel counts in ticks of 10 ms: over a second of load that is 1 %, so measure for some seconds.
  public static func cpuSeconds(_ pids: [Int32]) -> Double {
    let ticks = pids.reduce(0) { sum, pid in sum + (stat(of: pid).map { $0.userTicks + $0.systemTicks } ?? 0) }
    return Double(ticks) / Double(ticksPerSecond)
  }

  /// Processor time of each thread whose name begins so, in seconds to the nanosecond (`schedstat`), by thread.
  public static func threadSeconds(_ pid: Int32, named prefix: String) -> [Double] {
    (entries(of: "/proc/\(pid)/task") ?? []).compactMap { Int32($0) }.sorted().compactMap { thread in
      let folder = "/proc/\(pid)/task/\(thread)"
      guard readFile("\(folder)/comm")?.hasPrefix(prefix) == true,
        let nanoseconds = readFile("\(folder)/schedstat")?.split(separator: " ").first.flatMap({ Double($0) })
      else { return nil }
      return nanoseconds / 1e9
    }
  }

  /// Resident memory of a process in bytes; nil when it has gone.
  public static func residentBytes(_ pid: Int32) -> Int? {
    readFile("/proc/\(pid)/status").flatMap { kibibytes(named: "VmRSS", inStatus: $0) }.map { $0 * 1024 }
  }

  /// Descriptors that a process has open; nil when it has gone or is another user's.
  public static func openDescriptors(_ pid: Int32) -> Int? { entries(of: "/proc/\(pid)/fd")?.count }

  /// Processes whose parent is `pid`: the workers of a server that forks.
  public static func children(of pid: Int32) -> [Int32] {
    (entries(of: "/proc") ?? []).compactMap { Int32($0) }.filter { stat(of: $0)?.parent == pid }.sorted()
  }

  public struct Stat: Equatable, Sendable {
    /// One letter: R running, S sleeping, T stopped, Z ended and not yet waited for.
    public let state: Character
    public let parent: Int32
    public let userTicks: Int
    public let systemTicks: Int
  }

  public static func stat(of pid: Int32) -> Stat? { readFile("/proc/\(pid)/stat").flatMap(parseStat) }

  /// The name of a process stands in parentheses and may itself hold any character, `)` too: fields count from the
  /// last one.
  static func parseStat(_ line: String) -> Stat? {
    guard let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(whereSeparator: \.isWhitespace)
    guard fields.count > 12, let state = fields[0].first, let parent = Int32(fields[1]), let user = Int(fields[11]),
      let system = Int(fields[12])
    else { return nil }
    return Stat(state: state, parent: parent, userTicks: user, systemTicks: system)
  }

  static func kibibytes(named name: String, inStatus text: String) -> Int? {
    field(name, of: text)?.split(separator: " ").first.flatMap { Int($0) }
  }

  /// The value of a `Name:   value` line.
  static func field(_ name: String, of text: String) -> Substring? {
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":"), line[..<colon].trimmingSuffix(while: \.isWhitespace) == name else {
        continue
      }
      return line[line.index(after: colon)...].trimmingPrefix(while: \.isWhitespace)
    }
    return nil
  }
}

extension Substring {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
    var end = endIndex
    while end > startIndex, predicate(self[index(before: end)]) { end = index(before: end) }
    return self[..<end]
  }
}
