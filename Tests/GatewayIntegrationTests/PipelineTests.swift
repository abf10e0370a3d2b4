import TestSupport
import Testing

extension Integration {
  /// Many requests on one connection: answers come in order, and each is the answer to its request, on its connection.
  @Suite struct PipelineTests {
    let repository = TestRepository()
    let memcached = MemcachedServer()

    private func gateway(_ flags: [String: [String]] = [:]) throws -> RunningGateway {
      try RunningGateway(repository, memcached: [memcached.address], flags: flags.merging(["echo": ["true"]]) { $1 })
    }

    /// Similar items by item, as a connection gets them that does nothing else: what answers are compared with.
    private func oracle(_ gateway: RunningGateway, _ items: [String]) throws -> [String: [String]] {
      let client = gateway.connect()
      var oracle: [String: [String]] = [:]
      for item in items {
        oracle[item] = try client.get(target("detail", "itemId=\(item)&numResults=100"))?.recommendations.ids
      }
      return oracle
    }

    private static let items = (1...20).map { "b00" + ($0 < 10 ? "0\($0)" : "\($0)") }

    @Test func `many requests in one write are answered in their order`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let request = HTTPClient.request
      client.send(
        (0..<40).map { number in
          switch number % 4 {
          case 0: request("GET", "/echo?number=\(number)", [], nil)
          case 1: request("GET", target("home", "userId=new-\(number)&numResults=\(number)"), [], nil)
          case 2:
            request("POST", "/v1/events", [], event("click", user: "new-\(number)", item: "b0001", id: "p\(number)"))
          default: request("GET", "/livez", [], nil)
          }
        }.joined())
      for number in 0..<40 {
        let answer = try #require(client.receive(), "answer \(number)")
        switch number % 4 {
        case 0: #expect(answer.text.contains("/echo?number=\(number)\""), "\(number): \(answer.text)")
        case 1: #expect(try answer.recommendations.items.count == number)
        case 2: #expect(answer.status == 202 && answer.text.contains(#""accepted":1"#))
        default: #expect(answer.text == #"{"status":"ok"}"#)
        }
      }
      #expect(!client.hasMore)
    }

    /// Once an answer that had waited for memcached went to the connection whose requests were being read meanwhile.
    @Test func `connections that pipeline at once each get their own answers`() throws {
      let gateway = try gateway(["snapshots.warmBudget": ["0"], "cache.l1.bytes": ["1MiB"]])
      let oracle = try oracle(gateway, Self.items)
      let port = gateway.port
      let faults = try concurrently(6) { connection -> [String] in
        var random = SeededRandom(seed: UInt64(connection))
        let client = HTTPClient(port: port)!
        for round in 0..<12 {
          let asked = (0..<25).map { Question(connection, round * 25 + $0, &random) }
          client.send(asked.map(\.request).joined())
          for question in asked {
            guard let answer = client.receive() else { return ["no answer to \(question.request)"] }
            if let fault = question.fault(in: answer, oracle) {
              return ["connection \(connection), round \(round): \(fault)"]
            }
          }
          if client.hasMore { return ["an answer too many on connection \(connection)"] }
        }
        return []
      }
      #expect(faults.flatMap(\.self) == [])
    }

    /// One request whose answer can be told from all others.
    struct Question {
      let request: String
      private let kind: Int
      private let text: String
      private let count: Int

      init(_ connection: Int, _ number: Int, _ random: inout SeededRandom) {
        kind = Int.random(in: 0..<5, using: &random)
        count = Int.random(in: 1...60, using: &random)
        switch kind {
        case 0:
          text = "/echo?connection=\(connection)&number=\(number)"
          request = HTTPClient.request("GET", text)
        case 1:
          text = PipelineTests.items.randomElement(using: &random)!
          request = HTTPClient.request("GET", target("detail", "itemId=\(text)&numResults=\(count)"))
        case 2:
          text = ""
          // Somebody new each time: the window has to be asked for.
          request = HTTPClient.request("GET", target("home", "userId=c\(connection)-\(number)&numResults=\(count)"))
        case 3:
          text = ""
          let events = (0..<count).map {
            #"{"eventId":"c\#(connection)-\#(number)-\#($0)","eventType":"view","userId":"c\#(connection)-\#(number)","itemId":"b0001"}"#
          }
          request = HTTPClient.request("POST", "/v1/events", [], #"{"events":[\#(events.joined(separator: ","))]}"#)
        default:
          text = "c\(connection)n\(number)"
          request = HTTPClient.request("GET", "/v1/placements/\(text)/recommendations")
        }
      }

      func fault(in answer: HTTPAnswer, _ oracle: [String: [String]]) -> String? {
        let shelf = try? answer.recommendations
        let isRight =
          switch kind {
          case 0: answer.text.contains("\"target\":\"\(text)\"")
          case 1: shelf?.ids == Array(oracle[text]!.prefix(count)) && shelf?.placement == "detail"
          case 2: shelf?.items.count == count && shelf?.placement == "home" && shelf?.fallback?.reason == "unknown_user"
          case 3: answer.status == 202 && answer.text == #"{"accepted":\#(count),"duplicates":0,"rejected":[]}"#
          default: answer.status == 404
          }
        return isRight ? nil : "\(request) was answered with \(answer.status) \(answer.fields) \(String(describing: shelf?.fallback)) \(answer.text.prefix(400)), \(shelf?.ids ?? []) for \(oracle[text] ?? [])"
      }
    }

    @Test func `a request may arrive in any two pieces`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let requests = [
        HTTPClient.request("GET", target("home", "userId=u0001&numResults=3")),
        HTTPClient.request("POST", target("home"), [], #"{"userId":"u0001","numResults":3}"#),
        "POST \(target("home")) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "11;x=y\r\n{\"userId\":\"u0001\"\r\n12\r\n,\"numResults\":3  }\r\n0\r\nTrailer: t\r\n\r\n",
      ]
      let wanted = try #require(client.get(target("home", "userId=u0001&numResults=3"))).recommendations.ids
      for request in requests {
        let bytes = Array(request.utf8)
        for cut in 1..<bytes.count {
          client.send(Array(bytes[..<cut]))
          client.send(Array(bytes[cut...]))
          let answer = client.receive()
          #expect(try answer?.recommendations.ids == wanted, "cut at \(cut) of \(request)")
        }
      }
    }

    @Test func `a request may arrive byte by byte`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      for byte in HTTPClient.request("POST", target("home"), [], #"{"segment":"1"}"#).utf8 { client.send([byte]) }
      #expect(client.receive()?.status == 200)
    }

    @Test func `a chunked body is a body`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
      #expect(client.receive()?.text.contains(#""bodyBytes":11"#) == true)
      #expect(client.get("/livez")?.status == 200)
    }

    @Test func `what came before garbage is answered, then the garbage, then it is over`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      client.send(
        HTTPClient.request("GET", target("home", "userId=somebody-new")) + HTTPClient.request("GET", "/livez")
          + "complete nonsense\r\n\r\n" + HTTPClient.request("GET", "/livez"))
      #expect(client.receive()?.status == 200)
      #expect(client.receive()?.text == #"{"status":"ok"}"#)
      #expect(client.receive()?.status == 400)
      #expect(client.closes())
    }

    @Test func `a client that sends far ahead of its reading gets everything in the end`() throws {
      let gateway = try gateway()
      let client = gateway.connect()
      let count = 600
      client.send(
        (0..<count).map { HTTPClient.request("GET", target("home", "segment=1&numResults=\($0 % 2 + 99)")) }.joined())
      // Some 10 MB of answers: more than the kernel buffers.
      for number in 0..<count {
        let answer = try #require(client.receive(), "answer \(number)")
        #expect(try answer.recommendations.items.count == number % 2 + 99, "answer \(number)")
      }
      #expect(gateway.connect().get("/livez")?.status == 200)
    }
  }
}
