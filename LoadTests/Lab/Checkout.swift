internal import FoundationEssentials

/// The checkout that this executable was built in: its commit stands in every result.
public enum Checkout {
  /// The folder above the executable that has the floor program's source; nil for an installed executable.
  public static let root: String? = {
    var folder = URL(filePath: executablePath()).deletingLastPathComponent()
    while folder.path != "/" {
      if FileManager.default.fileExists(atPath: folder.path + "/LoadTests/lib/floor.c") { return folder.path }
      folder = folder.deletingLastPathComponent()
    }
    return nil
  }()

  /// A file of `LoadTests/lib`.
  static func library(_ name: String) throws(LabError) -> String {
    guard let root else { throw .missing("LoadTests/lib/\(name): this executable does not stand in a checkout") }
    return "\(root)/LoadTests/lib/\(name)"
  }
}

extension Lab {
  /// The commit, with `+` when tracked files differ from it; `unknown` outside a checkout.
  public func commit() -> String {
    guard let root = Checkout.root,
      let head = try? run("git", ["git", "-C", root, "rev-parse", "--short=10", "HEAD"], within: 10)
    else { return "unknown" }
    let changes = try? run("git", ["git", "-C", root, "status", "--porcelain", "--untracked-files=no"], within: 30)
    let name = head.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? "unknown"
    return name + (changes.map { $0.isEmpty } == true ? "" : "+")
  }

  /// What the programs of a run say of their versions, by program; those that are not installed are left out.
  public func versions() -> [String: String] {
    let asked = [
      "needletail": [needletail, "version"], "memcached": ["memcached", "--version"], "nginx": ["nginx", "-v"],
      "varnish": ["varnishd", "-V"], "wrk": ["wrk", "-v"],
    ]
    var said: [String: String] = [:]
    for (name, command) in asked where findProgram(command[0]) != nil {
      // wrk -v ends with 1, so the status says nothing.
      guard let process = try? start("version", command), process.waitForEnd(within: 10),
        let line = process.output.split(separator: "\n").first(where: { $0.contains(where: \.isNumber) })
      else { continue }
      said[name] = String(line.prefix(100))
    }
    return said
  }
}
