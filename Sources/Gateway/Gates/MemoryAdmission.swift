import Glibc
import Model
import Publishing
import Snapshots

/// What a snapshot needs in memory beside what this process may still have. Decided before it is pulled: a node that
/// loads more than it has is killed by its kernel, and with it what serves.
struct MemoryAdmission: Sendable, Equatable {
  var neededBytes: Int
  var availableBytes: Int
  /// Of the needed: stays free.
  var reserveBytes: Int

  var isAdmitted: Bool { neededBytes <= availableBytes }
  /// Beside each other; above 1 is too much.
  var ratio: Double { Double(neededBytes) / Double(max(1, availableBytes)) }

  /// The mapped file, whole, because a page that is not resident is a stall of a request; what is copied out of it; and the
  /// reserve, which holds its trending lists, proofs and warming as well.
  ///
  /// - Parameters:
  ///   - sections: sizes, raw.
  ///   - mappedBytes: of snapshots that are loaded: their pages count as free to the kernel, and are not.
  init(
    sections: [SectionTag: Int], items: Int, reserveBytes: Int, mappedBytes: Int, memory: MemoryFree = MemoryFree()
  ) {
    neededBytes =
      sections.values.reduce(0, +) + ServingModel.bytesBesideFile(items: items) { sections[$0] ?? 0 } + reserveBytes
    self.reserveBytes = reserveBytes
    availableBytes = max(0, memory.bytes - mappedBytes)
  }

  var sentence: String {
    "needs \(gigabytes(neededBytes)) GB, \(gigabytes(reserveBytes)) GB of it in reserve (gates.memoryReserve), has "
      + "\(gigabytes(availableBytes))"
  }
}

/// Two digits, because small machines are told apart by them: `1.2`, `0.07`.
private func gigabytes(_ bytes: Int) -> String {
  let hundredths = (bytes + 5_000_000) / 10_000_000
  let (whole, rest) = (hundredths / 100, hundredths % 100)
  return rest % 10 == 0 ? "\(whole).\(rest / 10)" : "\(whole).\(rest < 10 ? "0" : "")\(rest)"
}

/// Memory that this process can still have: what the machine has left, or the tightest control group it is in.
///
/// Both count pages of files as free that can be read again, which is what a mapped snapshot's are.
struct MemoryFree: Sendable, Equatable {
  var bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  /// - Parameter read: the text of a file; nil when it cannot be read. Tests bring their own.
  init(read: (String) -> String? = readText) {
    let machine = read("/proc/meminfo").flatMap { field("MemAvailable:", in: $0) }.map { $0 * 1024 }
    let groups = (read("/proc/self/cgroup") ?? "").split(separator: "\n").flatMap { MemoryFree.group(String($0), read) }
    bytes = ([machine] + groups).compactMap { $0 }.min() ?? .max
  }

  /// A line of /proc/self/cgroup (cgroups(7)): `0::/path` is version 2, `4:memory:/path` version 1. A limit of any group
  /// above counts too. In a container the path may be one of the host's, and the limit stands at the mount's root.
  private static func group(_ line: String, _ read: (String) -> String?) -> [Int] {
    let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3 else { return [] }
    let isSecond = parts[0] == "0" && parts[1].isEmpty
    guard isSecond || parts[1].split(separator: ",").contains("memory") else { return [] }
    let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
    var free: [Int] = []
    var path = parts[2] == "/" ? "" : parts[2]
    while true {
      free += [isSecond ? second(root + path, read) : first(root + path, read)].compactMap { $0 }
      guard let slash = path.lastIndex(of: "/") else { return free }
      path = String(path[..<slash])
    }
  }

  private static func second(_ folder: String, _ read: (String) -> String?) -> Int? {
    guard let limit = read(folder + "/memory.max").flatMap(number),
      let used = read(folder + "/memory.current").flatMap(number)
    else { return nil }
    let stat = read(folder + "/memory.stat") ?? ""
    return left(limit, used, files: (field("inactive_file", in: stat) ?? 0) + (field("active_file", in: stat) ?? 0))
  }

  private static func first(_ folder: String, _ read: (String) -> String?) -> Int? {
    guard let limit = read(folder + "/memory.limit_in_bytes").flatMap(number),
      let used = read(folder + "/memory.usage_in_bytes").flatMap(number)
    else { return nil }
    let stat = read(folder + "/memory.stat") ?? ""
    return left(
      limit, used, files: (field("total_inactive_file", in: stat) ?? 0) + (field("total_active_file", in: stat) ?? 0))
  }

  /// "No limit" is a number near 2⁶³ in version 1: nothing may be added to it.
  private static func left(_ limit: Int, _ used: Int, files: Int) -> Int { max(0, limit - used + min(files, used)) }

  /// Nil for `max`.
  private static func number(_ text: String) -> Int? { Int(text.trimmed) }
}

/// The first number after a name at the start of a line.
private func field(_ name: String, in text: String) -> Int? {
  for line in text.split(separator: "\n") {
    let words = line.split(separator: " ")
    if words.count > 1, words[0] == name { return Int(words[1]) }
  }
  return nil
}
