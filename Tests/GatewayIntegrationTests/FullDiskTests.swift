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
        try gateway.status().versions.contains { $0.version == 2 && $0.reason == "fetch_failed" && $0.detail.contains("are free") }
      }
      #expect(isTold, "\(try gateway.status())")
      #expect(files(disk.path) == before)
      #expect(load.awaitAnswers(50))
      try FileManager.default.removeItem(atPath: filler)
      #expect(gateway.serves(2))
      let report = load.stop()
      #expect(report.isClean && report.versions == [1, 2], "\(report)")
    }

    @Test(.enabled(if: GatewayProcess.isBuilt, "`swift build` makes the executable that this starts"))
    func `a limit on the size of files ends no process: it serves on, and pulls when the limit is gone`() throws {
      let folder = repository.folder
      let gateway = GatewayProcess(["serve", "--config", KillTests.configuration(repository)], in: folder)
      let port = try #require(gateway.port)
      #expect(gateway.isReady)
      let data = folder.file("data")
      let isRecorded = eventually { files(data).count == 4 }
      #expect(isRecorded)
      let before = files(data)
      var limit = rlimit(rlim_cur: 20_000, rlim_max: RLIM_INFINITY)
      try #require(prlimit(gateway.process, RLIMIT_FSIZE, &limit, nil) == 0)
      repository.publish(Retraining.shared.snapshotPath)
      #expect(gateway.logs("File too large"), "\(gateway.log)")
      #expect(!gateway.hasEnded && HTTPClient(port: port)?.get(target("home"))?.recommendations.model?.version == 1)
      let isClean = eventually { files(data) == before }
      #expect(isClean, "\(files(data))")
      limit.rlim_cur = RLIM_INFINITY
      try #require(prlimit(gateway.process, RLIMIT_FSIZE, &limit, nil) == 0)
      let isServed = eventually { HTTPClient(port: port)?.get(target("home"))?.recommendations.model?.version == 2 }
      #expect(isServed, "\(gateway.log)")
    }
  }
}
