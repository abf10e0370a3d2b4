import TestSupport
import Testing

extension Integration {
  /// Entity tags, and who is told that nothing has changed.
  @Suite struct ConditionalTests {
    let gateway: RunningGateway
    let client: HTTPClient

    init() throws {
      gateway = try RunningGateway(TestRepository())
      client = gateway.connect()
    }

    private let path = target("home", "segment=1")

    private func tag() throws -> String { try #require(client.get(path)?["ETag"]) }

    @Test func `a tag is weak, and the same for every answer with the same items`() throws {
      let tags = try Set((0..<5).map { _ in try tag() })
      #expect(tags.count == 1)
      #expect(tags.first?.wholeMatch(of: /W\/"[0-9a-f]{16}"/) != nil, "\(tags)")
      #expect(client.post(target("home"), #"{"segment":"1"}"#)?["ETag"] == tags.first)
      #expect(gateway.connect().get(path)?["ETag"] == tags.first, "from another connection, whatever its worker and tier")
    }

    @Test func `other items, other fields or another fallback have another tag`() throws {
      let queries = [
        "segment=1", "segment=2", "segment=1&numResults=3", "segment=1&fields=title", "segment=4711",
        "segment=1&exclude=\(try #require(client.get(path)).recommendations.ids[0])",
      ]
      let tags = queries.map { client.get(target("home", $0))?["ETag"] ?? "none" }
      #expect(Set(tags).count == queries.count, "\(tags)")
    }

    @Test func `a tag in a list matches, weak or strong, wherever it stands`() throws {
      let tag = try tag()
      let strong = tag.replacing("W/", with: "")
      for value in [
        tag, strong, "*", " * ", "\"a\", \(tag)", "\(tag), \"a\"", "\"a\",\(strong),W/\"b\"", ",, \(tag) ,", "\"a,b\", \(tag)",
      ] {
        let answer = try #require(client.get(path, ["If-None-Match: \(value)"]))
        #expect(answer.status == 304, "\(value)")
      }
      let lines = try #require(client.get(path, ["If-None-Match: \"a\"", "If-None-Match: \(tag)"]))
      #expect(lines.status == 304, "in the second of two lines")
    }

    @Test func `what is not the tag does not match`() throws {
      let tag = try tag()
      let inside = String(tag.dropFirst(3).dropLast())
      for value in [
        "", "\"\"", "W/", inside, "w/\"\(inside)\"", "\"\(inside)", "\"x\(inside)\"", "\"*\"", "W/\"\(inside.uppercased())x\"",
        "\"a\" \"b\"",
      ] {
        let answer = try #require(client.get(path, ["If-None-Match: \(value)"]))
        #expect(answer.status == 200 && answer.body.count > 0, "\(value)")
      }
      #expect(client.get(path, ["If-Match: \"other\"", "If-Modified-Since: Sun, 22 Nov 2099 00:00:00 GMT"])?.status == 200)
    }

    @Test func `304 says what the full answer's head would, and has no body and no length`() throws {
      _ = client.get(path)
      let full = try #require(client.get(path))
      let none = try #require(client.get(path, ["If-None-Match: *"]))
      #expect(none.status == 304 && none["Content-Length"] == nil && none["Content-Type"] == nil)
      for name in ["ETag", "Cache-Control", "Cache-Status", "Age", "Vary"] {
        #expect(none[name] == full[name], "\(name)")
      }
      #expect(none["Date"] != nil)
      #expect(client.get("/livez")?.text == #"{"status":"ok"}"#, "the connection is in step")
    }

    @Test func `HEAD has the head of GET, with and without a condition`() throws {
      for query in ["segment=1", "segment=4711", "userId=u0001", "itemId=no-such-book", "numResults=x"] {
        let path = target("home", query)
        _ = client.get(path)
        let get = try #require(client.get(path))
        let head = try #require(client.ask("HEAD", path))
        #expect(head.status == get.status && head.body.isEmpty, "\(query)")
        // The second may have turned.
        let names = Set(get.fields.map(\.name) + head.fields.map(\.name)).subtracting(["Date", "Age"])
        for name in names where !["Cache-Control", "Cache-Status"].contains(name) {
          #expect(head[name] == get[name], "\(query): \(name)")
        }
        #expect(head.fields.map(\.name) == get.fields.map(\.name), "\(query)")
        #expect(Int(head["Content-Length"] ?? "") == get.body.count, "\(query)")
      }
      let none = try #require(client.ask("HEAD", path, ["If-None-Match: \(tag())"]))
      #expect(none.status == 304 && none["Content-Length"] == nil)
      #expect(client.get("/livez")?.status == 200)
    }

    @Test func `POST is answered in full whatever it has`() throws {
      let tag = try tag()
      let answer = try #require(client.post(target("home"), #"{"segment":"1"}"#, ["If-None-Match: \(tag)"]))
      #expect(answer.status == 200 && answer["ETag"] == tag)
    }

    @Test func `a 304 counts in its placement and tier`() throws {
      let tag = try tag()
      for _ in 0..<3 { #expect(client.get(path, ["If-None-Match: \(tag)"])?.status == 304) }
      let counted = gateway.metrics().sum("http_requests_total", ["placement": "home", "tier": "l1", "code": "304"])
      #expect(counted == 3)
    }
  }
}
