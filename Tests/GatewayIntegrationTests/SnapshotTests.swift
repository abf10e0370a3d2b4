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

    /// What the admin API says of the model.
    struct ModelStatus: Decodable {
      struct Version: Decodable {
        let version: Int
        let state: String
        let reason: String?
        let detail: String
      }

      let name: String
      let serving: Int?
      let previous: Int?
      let pinned: Int?
      let versions: [Version]

      func state(_ version: Int) -> String? { versions.first { $0.version == version }?.state }
    }

    private func status(_ gateway: RunningGateway) throws -> ModelStatus {
      struct List: Decodable { let models: [ModelStatus] }
      let list: List = try gateway.admin("GET", "/admin/v1/models").decoded()
      return try #require(list.models.first { $0.name == TrainedModel.name })
    }

    /// Whether every worker answers with this version, seen over several connections.
    private func serves(_ version: Int, _ gateway: RunningGateway) -> Bool {
      let clients = (0..<8).map { _ in gateway.connect() }
      return eventually {
        clients.allSatisfy { (try? $0.get(target("home"))?.recommendations.model?.version) == version }
      }
    }

    @Test func `a new version takes over under load without a failed answer, and a rollback brings the old one back`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      #expect(serves(1, gateway))
      let load = try Load(gateway)
      #expect(load.awaitAnswers(100))
      repository.publish()
      #expect(serves(2, gateway))
      #expect(load.awaitAnswers(100))

      let rolledBack: ModelStatus = try gateway.admin("POST", "/admin/v1/models/books:rollback").decoded()
      #expect(rolledBack.serving == 1 && rolledBack.pinned == 1 && rolledBack.previous == 2)
      #expect(serves(1, gateway))
      // A version that comes while one is pinned waits.
      repository.publish()
      #expect(load.awaitAnswers(200))
      #expect(try status(gateway).serving == 1)

      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      #expect(serves(3, gateway))
      let report = load.stop()
      #expect(report.isClean, "\(report)")
      #expect(report.versions == [1, 2, 3])
      #expect(gateway.metrics().samples(of: "model_info").map { $0.labels["version"] } == ["3"])
    }

    @Test func `a swap finds its lists in L2 already`() throws {
      let memcached = MemcachedServer()
      let gateway = try RunningGateway(repository, memcached: [memcached.address])
      repository.publish()
      #expect(serves(2, gateway))
      #expect(gateway.connect().get(target("detail", "segment=3"))?.tier == "l2")
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
      #expect(serves(1, gateway))
      for version in 2...6 {
        repository.publish()
        #expect(serves(version, gateway))
      }
      let folder = gateway.settings.dataDirectory
      var mapped: Set<String> = []
      let isLetGo = eventually {
        mapped = mappedFiles(in: folder)
        return mapped.count == 2
      }
      #expect(isLetGo, "\(mapped)")
      let kept = try FileManager.default.contentsOfDirectory(atPath: folder + "/models/books").filter { $0.hasSuffix(".ntsnap") }
      #expect(kept.count == 3, "\(kept)")
    }

    @Test func `the champion alias decides, not the largest number`() throws {
      repository.publish()
      let gateway = try RunningGateway(repository)
      #expect(serves(2, gateway))
      let back = gateway.admin("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":1}"#)
      // Version 1 was never loaded here.
      #expect(back.status == 409)
      repository.publish()
      #expect(serves(3, gateway))
      #expect(gateway.admin("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":2}"#).status == 200)
      #expect(serves(2, gateway))
      repository.publish()
      let isPassedOver = eventually {
        (try? FolderRepository(path: repository.path).versions(of: TrainedModel.name)) == [1, 2, 3, 4]
      }
      #expect(isPassedOver && serves(2, gateway))
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
        #expect(answer.status == status && answer["Content-Type"] == "application/problem+json", "\(method) \(path): \(answer.text)")
      }
      struct Version: Decodable { let version: Int; let state: String }
      let version: Version = try gateway.admin("GET", "/admin/v1/models/books/versions/1").decoded()
      #expect(version.version == 1 && version.state == "SERVING")
    }

    /// A blob of the newest version, the largest: vectors, metadata, whatever.
    private func largestBlob(of version: Int) throws -> String {
      let folder = "\(repository.path)/models/books/\(version)"
      let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.count == 64 }
      return try names.map { "\(folder)/\($0)" }.max { try size($0) < size($1) }!
    }

    private func size(_ path: String) throws -> Int { try Data(contentsOf: URL(filePath: path)).count }

    static let damages = ["truncated", "flipped", "absent", "empty"]

    @Test(arguments: damages) func `a damaged version is refused with its reason, and the old one serves on`(damage: String) throws {
      let gateway = try RunningGateway(repository, flags: ["snapshots.pollInterval": ["500ms"]])
      let load = try Load(gateway, clients: 1)
      // Damaged before a node can see it: its folder is made under another name. Blobs are links to those of the version
      // before, which must stay whole, so the file is replaced and not written to.
      let builder = TestRepository()
      builder.publish()
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
        let version = try status(gateway).versions.first { $0.version == 2 }
        return version?.state == "REJECTED" && version?.reason != nil && version?.detail.isEmpty == false
      }
      #expect(isKnown, "\(gateway.admin("GET", "/admin/v1/models").text)")
      #expect(load.awaitAnswers(50))
      let report = load.stop()
      #expect(report.isClean && report.versions == [1], "\(report)")
      #expect(gateway.metrics().sum("model_loads_total", ["result": "rejected"]) >= 1)
      // A good one after it is taken.
      repository.publish()
      #expect(serves(3, gateway))
    }

    @Test func `a manifest that is none is told, and the old version serves on`() throws {
      let gateway = try RunningGateway(repository)
      try FileManager.default.createDirectory(
        atPath: repository.path + "/models/books/2", withIntermediateDirectories: false)
      repository.folder.write("{\"schemaVersion\":1}", to: "repository/models/books/2/manifest.json")
      let isTold = try eventually { try status(gateway).versions.contains { $0.version == 2 && $0.reason == "manifest_invalid" } }
      #expect(isTold, "\(gateway.admin("GET", "/admin/v1/models").text)")
      #expect(serves(1, gateway))
    }

    @Test func `a restart without the repository serves what was good last, to the same users`() throws {
      repository.publish()
      let first = try RunningGateway(repository)
      #expect(serves(2, first))
      #expect(first.admin("GET", "/admin/v1/models").status == 200)
      first.stop()
      repository.remove()
      let second = try RunningGateway(repository)
      #expect(serves(2, second))
      let shelf = try #require(second.connect().get(target("home", "userId=u0001"))).recommendations
      #expect(shelf.fallback == nil, "the key of user hashes was lost with the repository: \(shelf)")
    }

    @Test func `a restart after a rollback serves the version that was rolled back to, until it is told otherwise`() throws {
      let first = try RunningGateway(repository)
      repository.publish()
      #expect(serves(2, first))
      #expect(first.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(serves(1, first))
      first.stop()
      repository.remove()
      #expect(serves(1, try RunningGateway(repository)))
    }

    @Test func `an empty repository is not ready until a first version is there`() throws {
      let empty = TestRepository(isEmpty: true)
      let gateway = try RunningGateway(empty, awaitsReady: false)
      let client = gateway.connect()
      #expect(client.get("/livez")?.status == 200)
      let waiting = try #require(client.get("/readyz"))
      #expect(waiting.status == 503 && waiting["Content-Type"] == "application/problem+json")
      empty.publish()
      let isReady = eventually { client.get("/readyz")?.status == 200 }
      #expect(isReady && serves(1, gateway))
    }

    @Test func `several models and none named: nothing serves until one is`() throws {
      let details = Manifest.Details(createdAtSeconds: 1, metric: "dot", dimension: 8)
      _ = try FolderRepository(path: repository.path).publish(
        snapshotPath: TrainedModel.shared.snapshotPath, model: "other", details: details)
      let named = try RunningGateway(repository, flags: ["model": ["other"]])
      #expect(try named.connect().get(target("home"))?.recommendations.model?.name == "other")
      named.stop()
      let both = try RunningGateway(
        repository, dataDirectory: repository.folder.file("both"),
        flags: ["placements.home.model": ["other"], "placements.detail.model": ["books"], "placements.trending.model": ["books"]])
      let client = both.connect()
      let isThere = eventually {
        let names = ["home", "detail"].map { try? client.get(target($0))?.recommendations.model?.name }
        return names == ["other", "books"]
      }
      #expect(isThere)
    }

    @Test func `a second gateway on the port is refused with a clear error`() throws {
      let gateway = try RunningGateway(repository)
      #expect {
        _ = try RunningGateway(repository, flags: ["listen": ["127.0.0.1:\(gateway.port)"]], awaitsReady: false)
      } throws: { error in
        "\(error)".contains("127.0.0.1:\(gateway.port)") && "\(error)".contains("in use")
      }
      #expect {
        _ = try RunningGateway(repository, flags: ["admin.listen": ["127.0.0.1:\(gateway.adminPort)"]], awaitsReady: false)
      } throws: { "\($0)".contains("127.0.0.1:\(gateway.adminPort)") }
      #expect(gateway.connect().get("/livez")?.status == 200)
    }

    @Test func `the admin listener wants a token off loopback, and then takes nothing else`() throws {
      #expect {
        _ = try RunningGateway(repository, flags: ["admin.listen": ["0.0.0.0:0"]], awaitsReady: false)
      } throws: { "\($0)".contains("admin.tokenFile") }
      let path = repository.folder.write("sesame\n", to: "token")
      let gateway = try RunningGateway(repository, flags: ["admin.tokenFile": [path]])
      let client = HTTPClient(port: gateway.adminPort)!
      for field in [[], ["Authorization: Bearer sesamE"], ["Authorization: Basic sesame"], ["Authorization: Bearer "]] {
        let answer = client.ask("GET", "/metrics", field)
        #expect(answer?.status == 401 && answer?["WWW-Authenticate"] == "Bearer")
      }
      #expect(client.ask("GET", "/metrics", ["Authorization: Bearer sesame"])?.status == 200)
    }
  }
}
