internal import FoundationEssentials

/// The real data sets and test vectors that lie beside a checkout and are never committed. Tests that use them are
/// skipped, and say so, where they are absent; each stands beside vectors of our own that always run.
public enum SharedData {
  public static let folder: String =
    ProcessInfo.processInfo.environment["NEEDLETAIL_SHARED_DATA"]
    ?? URL(filePath: #filePath).appending(path: "../../../../shared/data").standardized.path

  public static func path(_ name: String) -> String { folder + "/" + name }

  public static func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  public static func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path(name))), as: UTF8.self)
  }
}
