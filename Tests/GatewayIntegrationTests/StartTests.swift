import Publishing
import TestSupport
import Testing

extension Integration {
  /// What a gateway starts with, and what keeps it from starting.
  @Suite struct StartTests {
    let repository = TestRepository()

    @Test func `a restart without the repository serves what was good last, to the same users`() throws {
      repository.publish()
      let first = try RunningGateway(repository)
      #expect(first.serves(2))
      #expect(first.admin("GET", "/admin/v1/models").status == 200)
      first.stop()
      repository.remove()
      let second = try RunningGateway(repository)
      #expect(second.serves(2))
      let shelf = try #require(second.connect().get(target("home", "userId=u0001"))).recommendations
      #expect(shelf.fallback == nil, "the key of user hashes was lost with the repository: \(shelf)")
    }

    @Test func `a restart after a rollback serves the version that was rolled back to, until it is told otherwise`()
      throws
    {
      let first = try RunningGateway(repository)
      repository.publish()
      #expect(first.serves(2))
      #expect(first.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(first.serves(1))
      first.stop()
      repository.remove()
      #expect(try RunningGateway(repository).serves(1))
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
      #expect(isReady && gateway.serves(1))
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
        flags: [
          "placements.home.model": ["other"], "placements.detail.model": ["books"],
          "placements.trending.model": ["books"],
        ])
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
        "\(error)".contains("127.0.0.1:\(gateway.port) is taken")
      }
      #expect {
        _ = try RunningGateway(
          repository, flags: ["admin.listen": ["127.0.0.1:\(gateway.adminPort)"]], awaitsReady: false)
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
