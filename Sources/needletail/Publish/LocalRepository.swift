import FoundationEssentials
import Publishing

/// Makes the folder of a repository that a command works in as it goes. `publish` is for repositories elsewhere: without
/// this, their URLs would become folders with odd names.
func makeFolder(ofRepository path: String) throws {
  guard let location = try? RepositoryLocation(parsing: path), location == .folder(path) else {
    throw CommandFailure(
      .usage, "\(path) is no folder: make the snapshot in one, or as a file, and send it with `needletail publish`")
  }
  do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
    throw CommandFailure(.cannotWrite, "the repository \(path) cannot be made; may it be written to?")
  }
}
