import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "the command is not built")) struct SnapshotBuildTests {
  private let files = IndexFiles(items: 20_000, dimension: 32, queries: 1, seed: 3)

  private var arguments: [String] {
    ["snapshot", "build", "--items", files["base.npy"], "--repository", files["repository"], "--model", "home"]
  }

  private var left: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: files["repository"])) ?? []).filter { $0.hasPrefix(".") }
  }

  @Test func `what a killed build leaves in the repository is gone with the next`() {
    let killed = Command.start(arguments)
    #expect(waitFor { !left.isEmpty })
    killed.kill()
    #expect(killed.wait().code == 128 + SIGKILL)
    #expect(left.count == 1)
    let result = Command.run(arguments)
    #expect(result.code == 0, "\(result)")
    #expect(left == [])
  }
}
