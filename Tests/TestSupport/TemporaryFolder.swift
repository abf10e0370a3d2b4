internal import FoundationEssentials

/// A folder of its own for one test; gone, with all in it, when the value is.
public final class TemporaryFolder {
  public let path: String

  public init() {
    path = FileManager.default.temporaryDirectory.path + "/needletail-test-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes `text` to a file of this folder and returns its path.
  @discardableResult
  public func write(_ text: String, to name: String) -> String {
    try! Data(text.utf8).write(to: URL(filePath: file(name)))
    return file(name)
  }
}
