import FoundationEssentials
import Glibc
import Publishing
import TestSupport
import Testing

extension Integration {
  /// A node whose disk has no room for a new version: it says so, cleans up, serves on, and goes on by itself.
  @Suite struct FullDiskTests {
    let repository = TestRepository()

    private func files(_ folder: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/models/books")) ?? []).sorted()
    }

    @Test(.enabled(if: SmallDisk.isPossible, "only root may mount a small disk"))
    func `a full disk refuses the pull before it begins, and the version serves once there is room`() throws {
      let disk = try #require(SmallDisk(kibibytes: (SnapshotStore.reservedBytes >> 10) + 8192))
      let gateway = try RunningGateway(repository, dataDirectory: disk.path)
      #expect(gateway.serves(1))
      let isRecorded = eventually { files(disk.path).count == 4 }
      #expect(isRecorded, "\(files(disk.path))")
      let before = files(disk.path)
      let filler = disk.path + "/logs"
      try Data(count: 8 << 20).write(to: URL(filePath: filler))
      let load = try Load(gateway, clients: 1)
      repository.publish(Retraining.shared.snapshotPath)
      let isTold = try eventually {
        try gateway.status().versions.contains {
          $0.version == 2 && $0.reason == "fetch_failed" && $0.detail.contains("are free")
        }
      }
      let status = try gateway.status()
      #expect(isTold, "\(status)")
      #expect(files(disk.path) == before)
      #expect(load.awaitAnswers(50))
      try FileManager.default.removeItem(atPath: filler)
      #expect(gateway.serves(2))
      let report = load.stop()
      #expect(report.isClean && report.versions == [1, 2], "\(report)")
    }

    @Test(.enabled(if: GatewayProcess.isBuilt, "`swift build` makes the executable that this starts"))
    func `a limit on the size of files ends no process: it serves on, and pulls when the limit is gone`() throws {
      let (folder, data) = (repository.folder, repository.folder.file("data"))
      let arguments = ["serve", "--config", KillTests.configuration(repository)]
      let first = GatewayProcess(arguments, in: folder)
      #expect(first.isReady)
      let isRecorded = eventually { files(data).count == 4 }
      #expect(isRecorded)
      first.signal(SIGTERM)
      #expect(first.exitCode() == 0)
      let before = files(data)

      // 20 KiB, where a snapshot has some hundred: writing on raises SIGXFSZ, which ends a process that does not mind it.
      let limited = GatewayProcess(
        arguments, in: folder, under: ["sh", "-c", #"ulimit -S -f 40; exec "$0" "$@""#])
      let port = try #require(limited.port)
      #expect(limited.isReady)
      repository.publish(Retraining.shared.snapshotPath)
      #expect(limited.logs("File too large"), "\(limited.log)")
      let serving = try HTTPClient(port: port)?.get(target("home"))?.recommendations.model?.version
      #expect(!limited.hasEnded && serving == 1, "\(limited.log)")
      limited.signal(SIGTERM)
      #expect(limited.exitCode() == 0)
      #expect(files(data) == before)

      let last = GatewayProcess(arguments, in: folder)
      let free = try #require(last.port)
      let isServed = try eventually {
        try HTTPClient(port: free)?.get(target("home"))?.recommendations.model?.version == 2
      }
      #expect(isServed, "\(last.log)")
    }
  }
}
