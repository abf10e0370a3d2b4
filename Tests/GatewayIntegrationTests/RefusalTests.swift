import TestSupport
import Testing

extension Integration {
  /// What a client does wrong, it is told: the status, problem+json, and where the fault is.
  @Suite struct RefusalTests {
    let gateway: RunningGateway

    init() throws { gateway = try RunningGateway(TestRepository()) }

    private func refused(
      _ method: String, _ target: String, _ fields: [String] = [], _ body: String? = nil, with status: Int,
      keepsConnection: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ProblemText {
      let client = gateway.connect()
      let name = "\(method) \(target.prefix(60))"
      let answer = try #require(client.ask(method, target, fields, body), "\(name)", sourceLocation: sourceLocation)
      #expect(answer.status == status, "\(name)", sourceLocation: sourceLocation)
      #expect(answer["Content-Type"] == "application/problem+json", "\(name)", sourceLocation: sourceLocation)
      let problem = try answer.problem
      #expect(problem.status == status && !problem.detail.isEmpty, "\(name)", sourceLocation: sourceLocation)
      if keepsConnection {
        #expect(client.get("/livez")?.status == 200, "\(name) keeps the connection", sourceLocation: sourceLocation)
      } else {
        #expect(answer["Connection"] == "close" && client.closes(), "\(name) closes", sourceLocation: sourceLocation)
      }
      return problem
    }

    @Test func `a bad parameter is named, in the query`() throws {
      for (query, parameter) in [
        ("numResults=101", "numResults"), ("numResults=0", "numResults"), ("numResults=ten", "numResults"),
        ("numResults=99999999999999999999", "numResults"), ("timeoutMs=0", "timeoutMs"), ("hour=24", "hour"),
        ("strictFiltering=maybe", "strictFiltering"), ("filter=colour:red", "filter"), ("filter=category", "filter"),
        ("userId=%zz", "userId"), ("filter=category:a,,category:b", "filter"),
      ] {
        let problem = try refused("GET", target("home", query), with: 400)
        #expect(problem.errors?.first?.parameter == parameter, "\(query)")
      }
    }

    @Test func `a bad member is named, in the body`() throws {
      for (body, pointer) in [
        (#"{"numResults":101}"#, "/numResults"), (#"{"numResults":1.5}"#, "/numResults"),
        (#"{"userId":["a"]}"#, "/userId"),
        (#"{"exclude":[1]}"#, "/exclude"), (#"{"exclude":{"a":1}}"#, "/exclude"),
        (#"{"context":"mobile"}"#, "/context"),
        (#"{"filter":{"colour":["red"]}}"#, "/filter"),
      ] {
        let problem = try refused("POST", target("home"), [], body, with: 400)
        #expect(problem.errors?.first?.pointer == pointer, "\(body)")
      }
      for body in ["{", "[]", "\"text\"", #"{"userId":"a"} x"#, "\u{0}"] {
        _ = try refused("POST", target("home"), [], body, with: 400)
      }
    }

    @Test func `more results than the placement's limit are refused, not cut`() throws {
      let small = try RunningGateway(
        TestRepository(), flags: ["placements.home.listItems": ["20"], "placements.home.numResults": ["5"]])
      let answer = try #require(small.connect().get(target("home", "numResults=21")))
      #expect(answer.status == 400)
      #expect(try answer.problem.errors?.first?.detail.contains("20") == true)
      #expect(try small.connect().get(target("home"))?.recommendations.items.count == 5)
    }

    @Test func `an unknown placement or path is 404`() throws {
      #expect(try refused("GET", target("attic"), with: 404).detail.contains("home"))
      for path in [
        "/", "/v1", "/v1/placements", "/v1/placements//recommendations", "/v1/placements/home", "/livez/", "/echo",
      ] {
        _ = try refused("GET", path, with: 404)
      }
    }

    @Test func `too many excluded items are 413`() throws {
      let many = (0...1000).map { "i\($0)" }
      let problem = try refused("GET", target("home", "exclude=\(many.joined(separator: ","))"), with: 413)
      #expect(problem.errors?.first?.parameter == "exclude")
      let body = #"{"exclude":[\#(many.map { "\"\($0)\"" }.joined(separator: ","))]}"#
      #expect(try refused("POST", target("home"), [], body, with: 413).errors?.first?.pointer == "/exclude")
      #expect(gateway.connect().get(target("home", "exclude=\(many.dropLast().joined(separator: ","))"))?.status == 200)
      let long = String(repeating: "x", count: 256)
      _ = try refused("GET", target("home", "userId=\(long)"), with: 413)
    }

    @Test func `a body beyond the route's limit is 413 and closes, announced or chunked`() throws {
      let large = String(repeating: "x", count: 65 * 1024)
      _ = try refused("POST", target("home"), [], #"{"userId":"\#(large)"}"#, with: 413, keepsConnection: false)
      _ = try refused("GET", "/livez", [], "x", with: 413, keepsConnection: false)
      let client = gateway.connect()
      client.send("POST \(target("home")) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n")
      #expect(client.receive()?.status == 413 && client.closes())
    }

    @Test func `a long target is 414, a big head 431, each closes`() throws {
      _ = try refused("GET", "/" + String(repeating: "a", count: 9000), with: 414, keepsConnection: false)
      let value = String(repeating: "v", count: 7000)
      _ = try refused("GET", "/livez", (0..<6).map { "X-\($0): \(value)" }, with: 431, keepsConnection: false)
      _ = try refused("GET", "/livez", (0..<120).map { "X-\($0): v" }, with: 431, keepsConnection: false)
      _ = try refused("GET", "/livez", ["X: " + String(repeating: "v", count: 9000)], with: 431, keepsConnection: false)
    }

    @Test func `an unknown method is 501, a known one that the resource lacks is 405 with Allow`() throws {
      _ = try refused("BREW", "/livez", with: 501, keepsConnection: false)
      for (method, path, allow) in [
        ("DELETE", target("home"), "GET, HEAD, POST, OPTIONS"), ("GET", "/v1/events", "POST, OPTIONS"),
        ("POST", "/livez", "GET, HEAD, OPTIONS"), ("PUT", target("home"), "GET, HEAD, POST, OPTIONS"),
      ] {
        let answer = try #require(gateway.connect().ask(method, path))
        #expect(answer.status == 405 && answer["Allow"] == allow, "\(method) \(path)")
      }
    }

    @Test func `what is no HTTP is 400 and closes`() throws {
      for garbage in [
        "\u{16}\u{3}\u{1}\r\n\r\n", "GET /livez\r\n\r\n", "GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\nHost: a\n\n", "GET /livez HTTP/1.1\r\nHost : a\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      ] {
        let client = gateway.connect()
        client.send(garbage)
        let answer = client.receive()
        #expect(answer?.status == 400 && client.closes(), "\(garbage.debugDescription)")
      }
      let version = gateway.connect()
      version.send("GET /livez HTTP/2.0\r\nHost: a\r\n\r\n")
      #expect(version.receive()?.status == 505)
    }
  }
}
