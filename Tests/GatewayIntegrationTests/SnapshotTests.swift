import Configuration
import FoundationEssentials
import Gateway
import Glibc
import Publishing
import TestSupport
import Testing

extension Integration {
  /// Versions come and go under load; what is broken never serves, what served last is never lost.
  @Suite struct SnapshotTests {
    let repository = TestRepository()

    @Test func `a new version takes over under load without a failed answer, and a rollback brings the old one back`()
      throws
    {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      #expect(gateway.serves(1))
      let load = try Load(gateway)
      #expect(load.awaitAnswers(100))
      repository.publish()
      #expect(gateway.serves(2))
      #expect(load.awaitAnswers(100))

      let rolledBack: RunningGateway.ModelStatus = try gateway.admin("POST", "/admin/v1/models/books:rollback")
        .decoded()
      #expect(rolledBack.serving == 1 && rolledBack.pinned == 1 && rolledBack.previous == 2)
      #expect(gateway.serves(1))
      // A version that comes while one is pinned waits.
      repository.publish()
      #expect(load.awaitAnswers(200))
      #expect(try gateway.status().serving == 1)

      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      #expect(gateway.serves(3))
      let report = load.stop()
      #expect(report.isClean, "\(report)")
      #expect(report.versions == [1, 2, 3])
      #expect(gateway.metrics().samples(of: "model_info").map { $0.labels["version"] } == ["3"])
    }

    @Test func `a swap finds its lists in both caches already`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      repository.publish()
      #expect(gateway.serves(2))
      #expect(gateway.connect().get(target("detail", "segment=3"))?.tier == "l1")
      let keys = RawMemcached(memcached).keys().filter { $0.contains(repository.digest8(2)) }
      #expect(keys.count == 8, "\(keys)")
    }

    /// The files of a folder that this process has mapped (proc_pid_maps(5)).
    private func mappedFiles(in folder: String) -> Set<String> {
      var files: Set<String> = []
      guard let maps = fopen("/proc/self/maps", "re") else { return files }
      defer { fclose(maps) }
      var line = [CChar](repeating: 0, count: 8192)
      while fgets(&line, Int32(line.count), maps) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        if let start = text.firstRange(of: folder)?.lowerBound { files.insert(String(text[start...])) }
      }
      return files
    }

    @Test func `of many versions only what serves and what a rollback needs stay mapped`() throws {
      let gateway = try RunningGateway(repository)
      #expect(gateway.serves(1))
      for version in 2...6 {
        repository.publish()
        #expect(gateway.serves(version))
      }
      let folder = gateway.settings.dataDirectory
      var mapped: Set<String> = []
      let isLetGo = eventually {
        mapped = mappedFiles(in: folder)
        return mapped.count == 2
      }
      #expect(isLetGo, "\(mapped)")
      var kept: [String] = []
      let isPruned = try eventually {
        kept = try FileManager.default.contentsOfDirectory(atPath: folder + "/models/books").filter {
          $0.hasSuffix(".ntsnap")
        }
        return kept.count == 3
      }
      #expect(isPruned, "\(kept)")
    }

    @Test func `the champion alias decides, not the largest number`() throws {
      repository.publish()
      let gateway = try RunningGateway(repository)
      #expect(gateway.serves(2))
      let back = gateway.admin("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":1}"#)
      // Version 1 was never loaded here.
      #expect(back.status == 409)
      repository.publish()
      #expect(gateway.serves(3))
      #expect(gateway.admin("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":2}"#).status == 200)
      #expect(gateway.serves(2))
      repository.publish()
      let isPassedOver = eventually {
        (try? FolderRepository(path: repository.path).versions(of: TrainedModel.name)) == [1, 2, 3, 4]
      }
      #expect(isPassedOver && gateway.serves(2))
    }

    @Test func `admin calls that cannot be are refused with a reason`() throws {
      let gateway = try RunningGateway(repository)
      for (method, path, body, status) in [
        ("POST", "/admin/v1/models/books:rollback", nil, 409), ("POST", "/admin/v1/models/nothing:rollback", nil, 404),
        ("POST", "/admin/v1/models/books:explode", nil, 404), ("GET", "/admin/v1/models/nothing", nil, 404),
        ("GET", "/admin/v1/models/books/versions/9", nil, 404), ("GET", "/admin", nil, 404), ("GET", "/", nil, 404),
        ("PUT", "/admin/v1/models/books/aliases/champion", "{}", 400),
        ("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":7}"#, 409),
      ] as [(String, String, String?, Int)] {
        let answer = gateway.admin(method, path, body)
        #expect(
          answer.status == status && answer["Content-Type"] == "application/problem+json",
          "\(method) \(path): \(answer.text)")
      }
      struct Version: Decodable { let version: Int; let state: String }
      let version: Version = try gateway.admin("GET", "/admin/v1/models/books/versions/1").decoded()
      #expect(version.version == 1 && version.state == "SERVING")
    }

    private func size(_ path: String) throws -> Int { try Data(contentsOf: URL(filePath: path)).count }

    static let damages = ["truncated", "flipped", "absent", "empty"]

    @Test(arguments: damages) func `a damaged version is refused with its reason, and the old one serves on`(
      damage: String
    ) throws {
      let gateway = try RunningGateway(repository, flags: ["snapshots.pollInterval": ["500ms"]])
      let load = try Load(gateway, clients: 1)
      // Damaged before a node can see it: its folder is made under another name. Blobs are links to those of the version
      // before, which must stay whole, so the file is replaced and not written to.
      let builder = TestRepository()
      // What a node has it does not fetch: the damage is to a section that is new, and the largest.
      builder.publish(ballast: 1 << 20)
      let source = builder.path + "/models/books/2"
      let target = repository.path + "/models/books/2"
      let names = try FileManager.default.contentsOfDirectory(atPath: source)
      let victim = try names.filter { $0.count == 64 }.max { try size("\(source)/\($0)") < size("\(source)/\($1)") }!
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
      for name in names where name != "manifest.json" {
        var data = try Data(contentsOf: URL(filePath: "\(source)/\(name)"))
        if name == victim {
          switch damage {
          case "truncated": data = data.prefix(data.count / 2)
          case "flipped": data[data.count / 2] ^= 1
          case "empty": data = Data()
          default: continue
          }
        }
        try data.write(to: URL(filePath: "\(target)/\(name)"))
      }
      try Data(contentsOf: URL(filePath: "\(source)/manifest.json")).write(to: URL(filePath: "\(target)/manifest.json"))

      let isKnown = try eventually {
        let version = try gateway.status().versions.first { $0.version == 2 }
        return version?.state == "REJECTED" && version?.reason != nil && version?.detail.isEmpty == false
      }
      #expect(isKnown, "\(gateway.admin("GET", "/admin/v1/models").text)")
      #expect(load.awaitAnswers(50))
      let report = load.stop()
      #expect(report.isClean && report.versions == [1], "\(report)")
      #expect(gateway.metrics().sum("model_loads_total", ["result": "rejected"]) >= 1)
      // A good one after it is taken.
      repository.publish()
      #expect(gateway.serves(3))
    }

    @Test func `a manifest that is none is told, and the old version serves on`() throws {
      let gateway = try RunningGateway(repository)
      try FileManager.default.createDirectory(
        atPath: repository.path + "/models/books/2", withIntermediateDirectories: false)
      repository.folder.write("{\"schemaVersion\":1}", to: "repository/models/books/2/manifest.json")
      let isTold = try eventually {
        try gateway.status().versions.contains { $0.version == 2 && $0.reason == "manifest_invalid" }
      }
      #expect(isTold, "\(gateway.admin("GET", "/admin/v1/models").text)")
      #expect(gateway.serves(1))
    }
  }
}
