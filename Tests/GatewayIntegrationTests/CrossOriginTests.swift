import TestSupport
import Testing

extension Integration {
  /// Which pages may read answers (Fetch, CORS protocol), and what that does to caches.
  @Suite struct CrossOriginTests {
    let repository = TestRepository()
    private static let shop = "Origin: https://shop.example"
    private static let evil = "Origin: https://evil.example"

    private func gateway(_ origins: String...) throws -> RunningGateway {
      try RunningGateway(repository, flags: ["cors.origins": origins])
    }

    /// Lines that let a page read.
    private func permissions(_ answer: HTTPAnswer) -> [String] {
      answer.fields.map(\.name).filter { $0.lowercased().hasPrefix("access-control-") || $0 == "Timing-Allow-Origin" }
    }

    @Test func `without a list nobody's page may read, and the answer varies by nothing`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for (method, path) in [("GET", target("home")), ("GET", "/nowhere"), ("OPTIONS", target("home"))] {
        let answer = try #require(client.ask(method, path, [Self.shop, "Access-Control-Request-Method: GET"]))
        #expect(permissions(answer).isEmpty && answer["Vary"] == nil, "\(method) \(path): \(answer.fields)")
      }
    }

    @Test func `an origin on the list may read, and only that one`() throws {
      let gateway = try gateway("https://shop.example", "https://m.shop.example")
      let client = gateway.connect()
      for path in [target("home", "segment=1"), target("trending"), target("home", "numResults=x"), target("attic"), "/readyz"] {
        for _ in 0..<3 {
          let allowed = try #require(client.get(path, [Self.shop]))
          #expect(allowed["Access-Control-Allow-Origin"] == "https://shop.example" && allowed["Vary"] == "Origin", "\(path)")
          let other = try #require(client.get(path, [Self.evil]))
          #expect(permissions(other).isEmpty && other["Vary"] == "Origin", "\(path): \(other.fields)")
          let none = try #require(client.get(path))
          #expect(permissions(none).isEmpty && none["Vary"] == "Origin", "\(path)")
        }
      }
      #expect(
        client.get(target("home"), ["Origin: https://m.shop.example"])?["Access-Control-Allow-Origin"]
          == "https://m.shop.example")
    }

    @Test(arguments: [
      "null", "https://shop.example.evil.example", "https://shop.exampl", "http://shop.example",
      "https://SHOP.example", "https://shop.example:443", "https://shop.example/", "shop.example", "", "*",
    ])
    func `what merely looks like an origin on the list is none`(origin: String) throws {
      let gateway = try gateway("https://shop.example")
      let answer = try #require(gateway.connect().get(target("home"), ["Origin: \(origin)"]))
      #expect(answer.status == 200 && permissions(answer).isEmpty, "\(answer.fields)")
    }

    @Test func `a star is for everybody, is said as such, and the answer varies by nothing`() throws {
      let gateway = try gateway("*")
      let client = gateway.connect()
      for fields in [[Self.shop], [Self.evil], []] {
        for _ in 0..<2 {
          let answer = try #require(client.get(target("home", "segment=1"), fields))
          #expect(answer["Access-Control-Allow-Origin"] == "*" && answer["Vary"] == nil, "\(answer.fields)")
        }
      }
    }

    @Test func `nobody is ever allowed to send credentials`() throws {
      for gateway in [try gateway("*"), try gateway("https://shop.example")] {
        let client = gateway.connect()
        for method in ["GET", "OPTIONS", "HEAD"] {
          let answer = try #require(client.ask(method, target("home"), [Self.shop, "Cookie: a=b"]))
          #expect(answer["Access-Control-Allow-Credentials"] == nil)
        }
      }
    }

    @Test func `a page may read what says how fresh an answer is and when to come again`() throws {
      let gateway = try gateway("https://shop.example")
      let client = gateway.connect()
      let exposed = try #require(client.get(target("home"), [Self.shop])?["Access-Control-Expose-Headers"])
      #expect(
        Set(exposed.split(separator: ", ").map(String.init))
          == ["Age", "Cache-Status", "ETag", "Retry-After", "Server-Timing"])
      let again = client.get(target("home"), [Self.shop, "If-None-Match: *"])
      #expect(again?.status == 304 && again?["Access-Control-Allow-Origin"] == "https://shop.example")
      #expect(client.get(target("home"), [Self.evil])?["Access-Control-Expose-Headers"] == nil)
    }

    @Test func `a preflight names the methods and header lines of its resource, for a day`() throws {
      let gateway = try gateway("https://shop.example")
      let client = gateway.connect()
      for (path, methods) in [
        (target("home"), "GET, HEAD, POST, OPTIONS"), ("/v1/events", "POST, OPTIONS"),
        ("/v1/recommendations:batch", "POST, OPTIONS"),
      ] {
        let asked = [
          Self.shop, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,if-none-match",
        ]
        let answer = try #require(client.ask("OPTIONS", path, asked))
        #expect(answer.status == 204 && answer.body.isEmpty && answer["Content-Length"] == nil)
        #expect(answer["Access-Control-Allow-Origin"] == "https://shop.example" && answer["Vary"] == "Origin")
        #expect(answer["Access-Control-Allow-Methods"] == methods && answer["Allow"] == methods, "\(path)")
        let lines = Set((answer["Access-Control-Allow-Headers"] ?? "").lowercased().split(separator: ", ").map(String.init))
        #expect(lines.isSuperset(of: ["content-type", "if-none-match"]))
        #expect(answer["Access-Control-Max-Age"] == "86400")
        let refused = try #require(client.ask("OPTIONS", path, [Self.evil, "Access-Control-Request-Method: POST"]))
        #expect(refused.status == 204 && permissions(refused).isEmpty, "\(refused.fields)")
      }
    }

    @Test func `a plain GET with a user and the beacon's text body need no preflight and are answered`() throws {
      let gateway = try gateway("https://shop.example")
      let client = gateway.connect()
      #expect(client.get(target("home", "userId=u0001&numResults=12"), [Self.shop])?.status == 200)
      let body = event("click", user: "u", item: "b0001", id: "beacon")
      let beacon = try #require(
        client.ask("POST", "/v1/events", [Self.shop, "Content-Type: text/plain;charset=UTF-8"], body))
      #expect(beacon.status == 202 && beacon["Access-Control-Allow-Origin"] == "https://shop.example")
    }
  }
}
