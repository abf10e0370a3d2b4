import FoundationEssentials
import Publishing
import Synchronization
import TestSupport
import Testing

extension Integration {
  /// A gateway whose repository is a web server, honest or not.
  @Suite struct RemoteRepositoryTests {
    let repository = TestRepository()

    /// What the server does until told otherwise.
    private enum Mood: Sendable { case honest, failing, lying, stalling, elsewhere }

    private final class Server: Sendable {
      let mood = Mutex(Mood.honest)
      func become(_ next: Mood) { mood.withLock { $0 = next } }
    }

    private let server = Server()

    private func serve() -> WebFolder {
      let server = server
      return WebFolder(repository.path) { request, honestly in
        var reply = honestly()
        switch server.mood.withLock({ $0 }) {
        case .honest: break
        case .failing: reply = WebPeer.Reply(500, "out of order")
        case .lying: if request.path.count > 60, reply.body.count > 40 { reply.body[reply.body.count / 2] ^= 1 }
        case .stalling: (reply.pieceBytes, reply.pauseMilliseconds) = (10, 300)
        case .elsewhere: reply = WebPeer.Reply(302, [], ["Location: http://127.0.0.2/"])
        }
        return reply
      }
    }

    private func gateway(_ web: WebFolder) throws -> RunningGateway {
      try RunningGateway(
        repository,
        flags: [
          "repository": [web.url], "model": [TrainedModel.name],
          "identity.keyFile": [repository.path + "/identity.key"],
          "snapshots.requestTimeout": ["1s"], "snapshots.stallTimeout": ["1s"],
        ], awaitsReady: false)
    }

    @Test func `a gateway pulls over HTTP, follows new versions and aliases, and rolls back`() throws {
      let web = serve()
      let gateway = try gateway(web)
      #expect(gateway.serves(1))
      repository.publish()
      #expect(gateway.serves(2))
      #expect(gateway.admin("PUT", "/admin/v1/models/books/aliases/champion", #"{"version":1}"#).status == 200)
      #expect(gateway.serves(1))
      #expect(try FolderRepository(path: repository.path).aliases(of: TrainedModel.name).champion == 1)
    }

    @Test func `whatever its repository does, a gateway serves on, and comes back to it`() throws {
      let web = serve()
      let gateway = try gateway(web)
      #expect(gateway.serves(1))
      let load = try Load(gateway)
      for mood in [Mood.failing, .elsewhere, .stalling] {
        server.become(mood)
        #expect(load.awaitAnswers(100))
      }
      server.become(.honest)
      repository.publish()
      #expect(gateway.serves(2))
      let report = load.stop()
      #expect(report.isClean && report.versions == [1, 2], "\(report)")
    }

    @Test func `what a lying server sends is rejected by its code and never serves, the next version does`() throws {
      let web = serve()
      server.become(.lying)
      let gateway = try gateway(web)
      #expect(eventually { gateway.admin("GET", "/admin/v1/models").text.contains("digest_mismatch") })
      #expect(try gateway.status().serving == nil)
      server.become(.honest)
      repository.publish()
      #expect(gateway.serves(2))
    }
  }
}
