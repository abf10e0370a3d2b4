import FoundationEssentials
import Glibc
import Publishing
import TestSupport
import Testing

extension Integration {
  /// The gateway killed (SIGKILL) at random points of pull, proof, warming and swap: it restarts on a good version, with
  /// and without its repository, and comes to serve the new one.
  ///
  /// NEEDLETAIL_KILLS=n kills n times instead of a few; NEEDLETAIL_KILL_SEED=n draws other moments.
  @Suite(.enabled(if: GatewayProcess.isBuilt, "`swift build` makes the executable that these start"))
  struct KillTests {
    let repository = TestRepository()

    private static let environment = ProcessInfo.processInfo.environment
    private static let kills = environment["NEEDLETAIL_KILLS"].flatMap { Int($0) } ?? 6
    private static let seed = environment["NEEDLETAIL_KILL_SEED"].flatMap { UInt64($0) } ?? 1

    static func configuration(_ repository: TestRepository) -> String {
      repository.folder.write(
        """
        listen: 127.0.0.1:0
        admin: {listen: "127.0.0.1:0"}
        workers: 2
        repository: \(repository.path)
        dataDir: \(repository.folder.file("data"))
        snapshots: {pollInterval: 50ms}
        gates: {samples: 20, latencyMax: 10s, latencyRatioMax: 1000}
        log: {format: json, level: info}
        """, to: "needletail.yaml")
    }

    /// What a gateway logs on a version's way, in order. The last one that it came to says where it was killed.
    private static let milestones = [
      "version found", "gates passed", "version ready", "version serves", "every worker has switched",
    ]

    /// How far the version that was found last had come.
    private func reached(_ log: String, after start: Int) -> String {
      let news = log.utf8.dropFirst(start)
      let text = String(decoding: news, as: UTF8.self)
      return Self.milestones.last { text.contains("\"message\":\"\($0)\"") } ?? "published"
    }

    private func version(_ gateway: GatewayProcess) -> Int? {
      let answer = gateway.port.flatMap { HTTPClient(port: $0) }?.get(target("home"))
      return try? answer?.recommendations.model?.version
    }

    private func serve() -> GatewayProcess {
      GatewayProcess(["serve", "--config", Self.configuration(repository)], in: repository.folder)
    }

    /// Where a version was when the process died: by the log, and while that is silent by the files of the pull.
    private func stage(_ log: String, after start: Int, _ version: Int) -> String {
      let reached = reached(log, after: start)
      guard reached == "published" || reached == "version found" else { return reached }
      let files = self.files().filter { $0.hasPrefix("\(version)-") }
      if files.contains(where: { $0.hasSuffix(".verified") }) { return "pulled and verified" }
      return files.isEmpty ? reached : "pull begun"
    }

    /// Microseconds from a version's manifest to its last milestone on this machine, just now.
    private func calmMicroseconds(_ gateway: GatewayProcess) throws -> Int {
      let start = gateway.log.utf8.count
      repository.publish(Retraining.shared.snapshotPath)
      let began = microseconds()
      try #require(eventually { reached(gateway.log, after: start) == Self.milestones.last })
      return microseconds() - began
    }

    @Test func `killed at any moment, it restarts on a good version and comes to the new one`() throws {
      var random = SeededRandom(seed: Self.seed)
      var gateway = serve()
      try #require(gateway.isReady)
      let calm = try calmMicroseconds(gateway)
      var serving = 2
      var deaths: [String: Int] = [:]
      var restartedOn: [String: Int] = [:]
      for round in 0..<Self.kills {
        let what = "seed \(Self.seed), kill \(round)"
        let start = gateway.log.utf8.count
        let delay = Int.random(in: 0...calm * 11 / 10, using: &random)
        repository.publish(round % 2 == 0 ? TrainedModel.shared.snapshotPath : Retraining.shared.snapshotPath)
        usleep(UInt32(delay))
        gateway.signal(SIGKILL)
        try #require(gateway.exitCode() == 128 + SIGKILL, "\(what)")
        let death = stage(gateway.log, after: start, serving + 1)
        deaths[death, default: 0] += 1
        checkStore(what)
        // Every other time the trainer is gone when the node comes back.
        let isAlone = Bool.random(using: &random)
        if isAlone { try hide(true) }
        gateway = serve()
        try #require(gateway.isReady, "\(what), \(death), after \(delay) µs\n\(gateway.log)")
        let found = try #require(version(gateway), "\(what)")
        #expect(found == serving || found == serving + 1, "\(what), \(death): \(found) serves")
        if isAlone {
          restartedOn[found == serving ? "the old version" : "the new one", default: 0] += 1
          #expect(version(gateway) == found, "\(what)")
          try hide(false)
        }
        serving += 1
        let isThere = eventually { version(gateway) == serving }
        #expect(isThere, "\(what), \(death): \(gateway.log)")
        // Its own are still being written, perhaps; those of the dead are gone.
        let isSwept = eventually { temporaries() == [] }
        #expect(isSwept, "\(what): \(temporaries())")
      }
      print("killed after: \(deaths.sorted { $0.key < $1.key }); alone on: \(restartedOn.sorted { $0.key < $1.key })")
    }

    /// What is marked as verified is whole, whatever was killed.
    private func checkStore(_ what: String) {
      let store = SnapshotStore(dataDirectory: repository.folder.file("data"))
      for local in store.localSnapshots(of: TrainedModel.name) where local.isVerified {
        #expect(throws: Never.self, "\(what): \(local.identity)") { try store.verify(local) }
      }
    }

    private func hide(_ isHidden: Bool) throws {
      let away = repository.path + ".away"
      let (from, to) = isHidden ? (repository.path, away) : (away, repository.path)
      try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    /// What a killed pull leaves is swept when the next process starts.
    private func temporaries() -> [String] {
      files().filter { $0.contains(".tmp-") }
    }

    private func files() -> [String] {
      (try? FileManager.default.contentsOfDirectory(
        atPath: repository.folder.file("data/models/\(TrainedModel.name)"))) ?? []
    }

    private func microseconds() -> Int {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      return now.tv_sec * 1_000_000 + now.tv_nsec / 1000
    }
  }
}
