import Publishing
import Snapshots
import TestSupport

/// Two snapshots of real sections, of which one differs from the other in its items' vectors, and a repository.
struct PublishFiles {
  let files: IndexFiles
  let snapshots: [String]

  init(items: Int = 300) throws {
    files = IndexFiles(items: items, dimension: 16, queries: 1, seed: 7)
    var snapshots: [String] = []
    for number in 0..<2 {
      let vectors = IndexFiles(items: items, dimension: 16, queries: 1, seed: UInt64(7 + number))
      let path = files["\(number).ntsnap"]
      let result = Command.run("snapshot", "build", "--items", vectors["base.npy"], "--out", path)
      guard result.code == 0 else { throw Failure(description: result.errors) }
      snapshots.append(path)
    }
    self.snapshots = snapshots
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  var root: String { files["repository"] }
  var repository: FolderRepository { FolderRepository(path: root) }

  func publish(_ number: Int, to place: String, _ more: String...) -> Command.Result {
    Command.run(["publish", snapshots[number], "--to", place, "--model", "home"] + more)
  }

  func start(_ number: Int, to place: String) -> Command.Running {
    Command.start(["publish", snapshots[number], "--to", place, "--model", "home"])
  }
}
