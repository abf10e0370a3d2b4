import TestSupport
import Testing

extension Integration {
  /// Header lines, conditional requests and the methods beside GET.
  @Suite struct HeaderTests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository(), flags: ["cors.origins": ["https://shop.example"]])
      client = gateway.connect()
    }

    @Test func `two answers differ in their id alone, and have one tag`() throws {
      _ = client.get(target("home", "segment=1"))
      let first = try #require(client.get(target("home", "segment=1")))
      let second = try #require(client.get(target("home", "segment=1")))
      let ids = [try first.recommendations.recommendationId, try second.recommendations.recommendationId]
      #expect(ids[0] != ids[1] && ids.allSatisfy { $0.count == 26 })
      #expect(ids.allSatisfy { $0.allSatisfy { "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains($0) } })
      #expect(first.text.replacing(ids[0], with: "") == second.text.replacing(ids[1], with: ""))
      #expect(first["ETag"] == second["ETag"] && first["ETag"]?.hasPrefix("W/\"") == true)
    }

    @Test func `who has the answer already is told 304, with the tag and no body`() throws {
      _ = client.get(target("home", "segment=1"))
      let full = try #require(client.get(target("home", "segment=1")))
      let tag = try #require(full["ETag"])
      for field in [tag, tag.replacing("W/", with: ""), "\"other\", \(tag)", "*"] {
        let answer = try #require(client.get(target("home", "segment=1"), ["If-None-Match: \(field)"]))
        #expect(answer.status == 304 && answer["ETag"] == tag, "\(field)")
        #expect(answer["Content-Length"] == nil && answer["Cache-Control"] != nil)
      }
      #expect(client.get(target("home", "segment=1"), ["If-None-Match: \"other\""])?.status == 200)
      #expect(client.get(target("home", "segment=2"), ["If-None-Match: \(tag)"])?.status == 200)
      // The connection is still in step.
      #expect(client.get("/livez")?.text == #"{"status":"ok"}"#)
    }

    @Test func `HEAD tells the length of the body and leaves it out`() throws {
      _ = client.get(target("home", "segment=1"))
      let full = try #require(client.get(target("home", "segment=1")))
      let head = try #require(client.ask("HEAD", target("home", "segment=1")))
      #expect(head.status == 200 && head["Content-Length"] == full["Content-Length"] && head["ETag"] == full["ETag"])
      #expect(client.ask("HEAD", "/readyz")?.status == 200)
      #expect(client.ask("HEAD", target("nowhere"))?.status == 404)
      #expect(client.get("/livez")?.status == 200, "no body came that nobody asked for")
    }

    @Test func `OPTIONS names the methods, and an allowed origin may read`() throws {
      let plain = try #require(client.ask("OPTIONS", target("home")))
      #expect(plain.status == 204 && plain["Allow"] == "GET, HEAD, POST, OPTIONS")
      let preflight = try #require(
        client.ask("OPTIONS", "/v1/events", ["Origin: https://shop.example", "Access-Control-Request-Method: POST"]))
      #expect(preflight.status == 204 && preflight["Access-Control-Allow-Origin"] == "https://shop.example")
      #expect(
        preflight["Access-Control-Allow-Methods"] == "POST, OPTIONS" && preflight["Access-Control-Max-Age"] != nil)
      let other = try #require(client.ask("OPTIONS", "/v1/events", ["Origin: https://evil.example"]))
      #expect(other["Access-Control-Allow-Origin"] == nil && other["Vary"] == "Origin")
      let answer = try #require(client.get(target("home"), ["Origin: https://shop.example"]))
      #expect(answer["Access-Control-Allow-Origin"] == "https://shop.example" && answer["Vary"] == "Origin")
      #expect(answer["Access-Control-Expose-Headers"]?.contains("ETag") == true)
      let problem = try #require(client.get(target("home", "numResults=x"), ["Origin: https://shop.example"]))
      #expect(
        problem["Access-Control-Allow-Origin"] == "https://shop.example", "a page must be able to read what is wrong")
    }

    @Test func `OPTIONS of the whole server is answered`() throws {
      #expect(client.ask("OPTIONS", "*")?.status == 204)
      #expect(client.get("/livez")?.status == 200)
    }

    @Test func `a shared list is public and a user's private, for as long as it is fresh`() throws {
      _ = client.get(target("home", "segment=1"))
      let shared = try #require(client.get(target("home", "segment=1")))
      let age = try #require(shared["Age"].flatMap(Int.init))
      #expect(
        shared["Cache-Control"] == "public, max-age=\(60 - age), stale-while-revalidate=300, stale-if-error=300")
      let own = try #require(client.get(target("home", "userId=u0001")))
      #expect(own["Cache-Control"]?.hasPrefix("private, max-age=") == true)
      #expect(own["Date"] != nil && own["Content-Type"] == "application/json")
    }

    @Test func `HTTP/1.0 is answered and closed, unless it asks to be kept`() throws {
      let old = gateway.connect()
      old.send("GET /livez HTTP/1.0\r\n\r\n")
      #expect(old.receive()?.status == 200 && old.closes())
      let kept = gateway.connect()
      for _ in 0..<2 {
        kept.send("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(kept.receive()?["Connection"] == "keep-alive")
      }
    }

    @Test func `Connection close is honoured, and what follows it is not answered`() throws {
      let closing = gateway.connect()
      closing.send("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(closing.receive()?["Connection"] == "close" && closing.closes())
    }
  }
}
