import FoundationEssentials
import Glibc
import Reactor
import TestSupport
import Testing

extension Integration {
  /// What a publisher and an operator see of a version on its way.
  @Suite struct LifecycleTests {
    let repository = TestRepository()

    private struct Version: Decodable {
      let version: Int
      let state: String
      let listsInMemory: Int?
    }

    private let versions = "/admin/v1/models/books/versions"

    @Test func `who waits for a version hears of it when it serves, though it was not there when the wait began`()
      throws
    {
      let gateway = try RunningGateway(repository)
      let (client, heard) = (gateway.adminPort, Guarded(""))
      let waiting = try LoopThread.spawn(name: "publisher") { [versions] in
        let answer = HTTPClient(port: client)!.get("\(versions)/2?wait=SERVING&timeout=30s")
        heard.withLock { $0 = answer?.text ?? "" }
      }
      usleep(100_000)
      #expect(heard.withLock { $0 } == "")
      repository.publish()
      waiting.join()
      let answer = heard.withLock { $0 }
      let version = try JSONDecoder().decode(Version.self, from: Data(answer.utf8))
      #expect(version.version == 2 && version.state == "SERVING")
      let ready: Version = try gateway.admin("GET", "\(versions)/1?wait=READY").decoded()
      #expect(ready.state == "READY")
    }

    @Test func `a wait ends with its time, and one that cannot be is refused`() throws {
      let gateway = try RunningGateway(repository)
      let began = milliseconds()
      #expect(gateway.admin("GET", "\(versions)/7?wait=SERVING&timeout=100ms").status == 404)
      #expect(milliseconds() - began >= 100)
      for query in ["wait=LOST", "wait=DRAINING", "wait=SERVING&timeout=5", "wait=SERVING&timeout=1h", "wait="] {
        #expect(gateway.admin("GET", "\(versions)/1?\(query)").status == 400, "\(query)")
      }
    }

    @Test func `an announced version is looked for at once`() throws {
      let gateway = try RunningGateway(repository, flags: ["snapshots.pollInterval": ["600s"]])
      #expect(gateway.serves(1))
      repository.publish()
      let answer = gateway.admin(
        "POST", versions, #"{"uri":"http://trainer.example/models/books/2/manifest.json"}"#)
      #expect(answer.status == 202 && answer["Location"] == "\(versions)/2", "\(answer.text)")
      #expect(gateway.serves(2))
      for body in ["{}", #"{"uri":"http://trainer.example/models/films/2/manifest.json"}"#, "2", ""] {
        #expect(gateway.admin("POST", versions, body).status == 400, "\(body)")
      }
    }

    @Test func `a version can be pinned by its number, and one that nobody has cannot`() throws {
      repository.publish()
      let gateway = try RunningGateway(repository)
      #expect(gateway.serves(2))
      #expect(gateway.admin("POST", "/admin/v1/models/books:pin", #"{"version":1}"#).status == 200)
      #expect(gateway.serves(1))
      #expect(try gateway.status().pinned == 1)
      #expect(gateway.admin("POST", "/admin/v1/models/books:pin", #"{"version":9}"#).status == 409)
      #expect(gateway.admin("POST", "/admin/v1/models/books:pin", "{}").status == 400)
      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      #expect(gateway.serves(2))
    }

    @Test func `a node that was rolled back comes back as it was, and finds its way forward again`() throws {
      let data = repository.folder.file("node")
      var gateway = try RunningGateway(repository, dataDirectory: data)
      repository.publish()
      #expect(gateway.serves(2))
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(1))
      gateway.stop()
      gateway = try RunningGateway(repository, dataDirectory: data)
      // Several looks at a repository whose largest version is 2.
      usleep(300_000)
      #expect(gateway.serves(1))
      #expect(try gateway.status().pinned == 1)
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(2))
      gateway.stop()
      gateway = try RunningGateway(repository, dataDirectory: data)
      #expect(gateway.serves(2))
      #expect(gateway.admin("POST", "/admin/v1/models/books:unpin").status == 200)
      gateway.stop()
      gateway = try RunningGateway(repository, dataDirectory: data)
      #expect(try gateway.status().pinned == nil)
    }

    @Test func `after a restart a rollback leads to the disk, whatever the repository still has`() throws {
      let data = repository.folder.file("node")
      var gateway = try RunningGateway(repository, dataDirectory: data)
      repository.publish()
      #expect(gateway.serves(2))
      gateway.stop()
      try FileManager.default.removeItem(atPath: repository.path + "/models/books/1")
      gateway = try RunningGateway(repository, dataDirectory: data)
      #expect(gateway.serves(2))
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(1))
    }

    @Test func `who leaves while it waits for a version holds no connection`() throws {
      let gateway = try RunningGateway(repository)
      // As many as the admin listener takes.
      for _ in 0..<64 {
        let client = try #require(HTTPClient(port: gateway.adminPort))
        client.send(HTTPClient.request("GET", "\(versions)/9?wait=SERVING&timeout=300s"))
      }
      let isFree = eventually { HTTPClient(port: gateway.adminPort)?.get("/metrics")?.status == 200 }
      #expect(isFree)
    }

    @Test func `what was hot under the old version is in the new one's first cache before it serves`() throws {
      let gateway = try RunningGateway(repository, flags: ["workers": ["1"]])
      let client = gateway.connect()
      let event = #"{"eventId":"e1","eventType":"click","userId":"u0007","itemId":"b0003"}"#
      #expect(client.ask("POST", "/v1/events", [], "{\"events\":[\(event)]}")?.status == 202)
      let targets = [target("detail", "itemId=b0001"), target("home", "userId=u0007"), target("home", "segment=2")]
      for one in targets {
        // Twice under different targets, so that the list itself is hit and not the composed answer.
        #expect(client.get(one)?.status == 200)
        #expect(client.get(one + "&numResults=3")?.tier == "l1")
      }
      repository.publish()
      #expect(gateway.serves(2))
      for one in targets {
        let answer = try #require(client.get(one + "&numResults=4"))
        #expect(answer.tier == "l1", "\(one): \(answer.text)")
        #expect(try answer.recommendations.model?.version == 2)
      }
      let version: Version = try gateway.admin("GET", "\(versions)/2").decoded()
      #expect(try #require(version.listsInMemory) >= 2 + 2 * TrainedModel.segments)
    }

    @Test func `a version that neither serves nor is needed for a rollback is unloaded, and a swap is told of`() throws
    {
      let gateway = try RunningGateway(repository)
      for version in 2...3 {
        repository.publish()
        #expect(gateway.serves(version))
      }
      #expect(try eventually { try gateway.status().versions.first { $0.version == 1 }?.state == "UNLOADED" })
      struct Model: Decodable {
        struct Swap: Decodable { let version, longestPauseMicroseconds: Int }
        let lastSwap: Swap?
      }
      let isTold = try eventually {
        let model: Model = try gateway.admin("GET", "/admin/v1/models/books").decoded()
        return model.lastSwap?.version == 3
      }
      #expect(isTold)
    }
  }
}
