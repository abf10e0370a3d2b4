internal import FoundationEssentials
internal import Glibc

extension RunEnvironment {
  /// This machine, now.
  init(target: LoadTarget) {
    var name = utsname()
    uname(&name)
    kernel = RunEnvironment.text(&name.sysname) + " " + RunEnvironment.text(&name.release)
    cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    cpu = RunEnvironment.firstValue(of: "model name", in: "/proc/cpuinfo") ?? RunEnvironment.text(&name.machine)
    commit = LoadKit.commit
    var loads = [0.0]
    loadAverage = getloadavg(&loads, 1) == 1 ? loads[0] : 0
    sharesCores = target.isLoopback
    versions = ["needletail-load": LoadKit.version]
  }

  private static func text<Characters>(_ characters: inout Characters) -> String {
    withUnsafeBytes(of: &characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  /// Of a file of `name : value` lines.
  private static func firstValue(of name: String, in path: String) -> String? {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else { return nil }
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n") where line.hasPrefix(name) {
      return line.split(separator: ":", maxSplits: 1).last.map { String($0.trimmingSpaces) }
    }
    return nil
  }

  /// The first line that a command prints; empty when it fails.
  fileprivate static func output(of command: String) -> String {
    guard let pipe = popen(command, "r") else { return "" }
    defer { pclose(pipe) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), pipe) != nil else { return "" }
    return String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

public enum LoadKit {
  public static let version = "0.1.0"

  /// Of the working folder, with `+` when tracked files differ from it; empty outside of a repository.
  public static let commit = RunEnvironment.output(of: "git describe --always --dirty=+ --abbrev=12 2>/dev/null")

  /// A duration with its unit, `500us` `20ms` `5s`; nil for anything else.
  public static func seconds(_ text: String) -> Double? { SLO.microseconds(text[...]).map { $0 / 1e6 } }
}
