internal import FoundationEssentials
internal import Glibc

/// The machine under a measurement: what it is, and which of its processors serve and which load.
public struct Machine: Codable, Sendable, Equatable {
  public let cpu: String
  public let architecture: String
  /// Processors that this process may use.
  public let cpus: [Int]
  public let memoryGiB: Double
  public let kernel: String
  /// Of the last minute, when the run began: a busy neighbour costs the tail first.
  public let loadAverage: Double

  public static func here() -> Machine {
    let status = readFile("/proc/self/status") ?? ""
    let allowed = ProcessTable.field("Cpus_allowed_list", of: status).map { parseList($0) } ?? [0]
    var name = utsname()
    uname(&name)
    let pages = Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE)))
    let load = readFile("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) } ?? 0
    return Machine(
      cpu: model(ofCPUInfo: readFile("/proc/cpuinfo") ?? "") ?? text(&name.machine), architecture: text(&name.machine),
      cpus: allowed, memoryGiB: (pages / 1_073_741_824 * 10).rounded() / 10, kernel: text(&name.release),
      loadAverage: load)
  }

  /// The processor of a server with one worker.
  public var serverCPU: Int { cpus[0] }

  /// The processor of what loads it: on another core if there is one. Hyperthreads of one core share its units, so a
  /// load on the sibling would slow the server down.
  public var loadCPU: Int {
    let siblings = Machine.siblings(of: serverCPU)
    return cpus.first { !siblings.contains($0) } ?? cpus.first { $0 != serverCPU } ?? serverCPU
  }

  /// Two processors for a server with two workers; the load has others to itself only where there are.
  public var pairCPUs: [Int] { serverCPU == loadCPU ? [serverCPU] : [serverCPU, loadCPU] }

  public var description: String {
    "\(cpu), \(cpus.count) processors, \(memoryGiB) GiB, Linux \(kernel)"
  }

  /// A sentence when others use the machine.
  public var warning: String? {
    loadAverage > 0.5
      ? "this machine is busy (load \(loadAverage)): latencies will be worse than it can do" : nil
  }

  static func siblings(of cpu: Int) -> [Int] {
    let path = "/sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list"
    return readFile(path).map { parseList($0) } ?? [cpu]
  }

  /// `0-2,5` as 0, 1, 2, 5: how the kernel writes sets of processors.
  static func parseList(_ text: some StringProtocol) -> [Int] {
    text.split(whereSeparator: { $0 == "," || $0.isWhitespace }).flatMap { part in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [Int]() }
      return Array(first...last)
    }
  }

  static func model(ofCPUInfo text: String) -> String? {
    (ProcessTable.field("model name", of: text) ?? ProcessTable.field("Model", of: text)).map(String.init)
  }
}

/// A C string in a tuple of characters.
private func text<Tuple>(_ tuple: inout Tuple) -> String {
  withUnsafeBytes(of: &tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
