internal import FoundationEssentials
internal import Glibc

let ticksPerSecond = sysconf(Int32(_SC_CLK_TCK))

/// A whole file as text, also one of /proc, which says that its size is 0; nil when it cannot be read.
func readFile(_ path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var text: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16384)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    if count <= 0 { return count < 0 && text.isEmpty ? nil : String(decoding: text, as: UTF8.self) }
    text += chunk[..<count]
  }
}

func entries(of folder: String) -> [String]? { try? FileManager.default.contentsOfDirectory(atPath: folder) }

/// Whether a program can be run, by its path or by its name in PATH; its path if so.
public func findProgram(_ name: String) -> String? {
  if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
  // Debian keeps servers where a plain user's PATH does not look.
  for folder in folders + ["/usr/local/sbin", "/usr/sbin", "/sbin"] where access("\(folder)/\(name)", X_OK) == 0 {
    return "\(folder)/\(name)"
  }
  return nil
}

/// The path of a program that has to be there.
public func needProgram(_ name: String) throws(LabError) -> String {
  if let path = findProgram(name) { return path }
  let packages = [
    "taskset": "util-linux", "setpriv": "util-linux", "nginx": "nginx-light", "varnishd": "varnish", "cc": "gcc",
  ]
  if name.contains("/") { throw .missing("\(name) is not there or cannot be run") }
  throw .missing("\(name) is not installed: apt-get install \(packages[name] ?? name)")
}

func write(_ text: String, to path: String) throws(LabError) {
  do { try Data(text.utf8).write(to: URL(filePath: path)) } catch {
    throw .trouble("\(path) cannot be written: \(error)")
  }
}

func makeFolder(_ path: String) throws(LabError) {
  do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
    throw .trouble("the folder \(path) cannot be made: \(error)")
  }
}

extension ProcessTable {
  /// This process.
  public static var ownPid: Int32 { getpid() }
}
