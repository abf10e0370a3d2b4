import Glibc
import TestSupport
import Testing

/// What a connection must hold against clients that are slow, hasty or careless.
@Suite(.serialized) struct ConnectionTests {
  private let echo = HTTPClient.request("GET", "/echo")

  @Test func `answers of a long pipeline come whole and in the order of the requests`() throws {
    let gateway = try EmptyGateway()
    let client = gateway.connect()
    let count = 5_000
    client.send((0..<count).map { HTTPClient.request("GET", "/echo?number=\($0)") }.joined())
    for number in 0..<count {
      let answer = try #require(client.receive(), "no answer \(number)")
      #expect(answer.status == 200 && answer.text.contains("/echo?number=\(number)\""), "\(number): \(answer.text)")
    }
  }

  @Test func `a pipeline that never pauses between two requests is not taken for one slow request`() throws {
    let gateway = try EmptyGateway(["http.headTimeout": "1s"])
    let client = gateway.connect()
    let (first, rest) = (String(echo.prefix(9)), String(echo.dropFirst(9)))
    client.send(first)
    for number in 0..<75 {
      client.send(rest + first)
      usleep(20_000)
      #expect(client.receive()?.status == 200, "answer \(number)")
    }
  }

  @Test func `a request that drips in is refused in time`() throws {
    let gateway = try EmptyGateway(["http.headTimeout": "200ms"])
    let client = gateway.connect()
    client.send(String(echo.dropLast(2)))
    #expect(client.receive()?.status == 408)
  }

  @Test func `a client that sends on after an error is let go all the same`() throws {
    let gateway = try EmptyGateway(["http.writeTimeout": "200ms"])
    let client = gateway.connect()
    client.send("no request\r\n\r\n")
    #expect(client.receive()?.status == 400)
    for _ in 0..<100 {
      client.send("x")
      usleep(20_000)
      if gateway.metric("connections") == 0 { return }
    }
    Issue.record("the connection lived on for two seconds")
  }

  @Test func `a client that closes its direction gets every answer, then the end`() throws {
    let gateway = try EmptyGateway(["http.outputBytes": "4096B"])
    let client = gateway.connect()
    let count = 20_000
    client.send(String(repeating: echo, count: count))
    client.finishSending()
    for number in 0..<count { _ = try #require(client.receive(), "no answer \(number)") }
    #expect(client.closes(withinMilliseconds: 5_000))
  }

  @Test func `connections that arrive all at once do not exceed the cap`() throws {
    let gateway = try EmptyGateway(["http.connectionsMax": "4"])
    let clients = (0..<100).map { _ in gateway.connect() }
    #expect((gateway.metric("connections") ?? .max) <= 4)
    withExtendedLifetime(clients) {}
  }

  @Test func `a pipeline of admin calls is answered however long it is`() throws {
    let gateway = try EmptyGateway()
    let client = gateway.connectAdmin()
    let count = 20_000
    client.send(String(repeating: HTTPClient.request("GET", "/livez"), count: count))
    for number in 0..<count { #expect(try #require(client.receive(), "no answer \(number)").status == 200) }
  }

  @Test(arguments: ["1KiB", "8KiB", "32KiB"])
  func `heads may be of any size that the configuration allows`(headBytes: String) throws {
    let gateway = try EmptyGateway(["http.headBytes": headBytes])
    #expect(gateway.connect().get("/echo")?.status == 200)
    let padding = ["Padding: " + String(repeating: "x", count: 33_000)]
    #expect(gateway.connect().get("/echo", padding)?.status == 431)
  }
}
