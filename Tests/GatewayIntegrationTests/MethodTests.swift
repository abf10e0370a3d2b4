import TestSupport
import Testing

extension Integration {
  /// Which methods a resource answers, and how it says so.
  @Suite struct MethodTests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository())
      client = gateway.connect()
    }

    private static let resources = [
      (target("home"), "GET, HEAD, POST, OPTIONS"), ("/v1/recommendations:batch", "POST, OPTIONS"),
      ("/v1/events", "POST, OPTIONS"), ("/livez", "GET, HEAD, OPTIONS"), ("/readyz", "GET, HEAD, OPTIONS"),
    ]

    @Test func `a method that a resource lacks is 405, with those that it has`() throws {
      for (path, allowed) in Self.resources {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
          let isAllowed = allowed.split(separator: ", ").contains { $0 == method }
          guard !isAllowed else { continue }
          let answer = try #require(client.ask(method, path))
          #expect(answer.status == 405 && answer["Allow"] == allowed, "\(method) \(path): \(answer.status)")
          #expect(answer["Content-Type"] == "application/problem+json" && answer["Cache-Control"] == "no-store")
        }
      }
      #expect(client.get("/livez")?.status == 200, "the connection is in step")
    }

    @Test func `OPTIONS names the methods of a resource, and is not cached`() throws {
      for (path, allowed) in Self.resources {
        let answer = try #require(client.ask("OPTIONS", path))
        #expect(answer.status == 204 && answer["Allow"] == allowed && answer["Content-Length"] == nil, "\(path)")
      }
    }

    @Test func `OPTIONS of the server names what it knows; of nothing, 404`() throws {
      let answer = try #require(client.ask("OPTIONS", "*"))
      #expect(answer.status == 204 && answer["Allow"] == "GET, HEAD, POST, OPTIONS")
      #expect(client.ask("OPTIONS", "/nowhere")?.status == 404)
      #expect(client.ask("OPTIONS", "/echo")?.status == 404)
      for method in ["GET", "DELETE"] { #expect(client.ask(method, "/nowhere")?.status == 404) }
    }

    @Test func `HEAD of a health check and of a problem is their head`() throws {
      for path in ["/livez", "/readyz", "/nowhere", target("attic"), target("home", "hour=25"), "/v1/events"] {
        let (head, get) = (try #require(client.ask("HEAD", path)), try #require(client.get(path)))
        #expect(head.status == get.status && head.body.isEmpty, "\(path)")
        #expect(head.fields.map(\.name) == get.fields.map(\.name) && head["Content-Length"] == get["Content-Length"])
      }
      #expect(client.get("/livez")?.status == 200)
    }
  }
}
