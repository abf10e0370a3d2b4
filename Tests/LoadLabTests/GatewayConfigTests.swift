import Testing

@testable import LoadLab

struct GatewayConfigTests {
  @Test func `dotted keys become nested YAML, groups once`() {
    let config: GatewayConfig = [
      "workers": 2, "listen": "127.0.0.1:80", "cache.l1.bytes": 0, "cache.l1.other": "x",
      "cors.origins": .list(["a", "b"]),
      "placements.home.fresh": "1h", "placements.detail.fresh": "1h", "echo": true,
    ]
    #expect(
      config.yaml == """
        cache:
          l1:
            bytes: 0
            other: "x"
        cors:
          origins: ["a", "b"]
        echo: true
        listen: "127.0.0.1:80"
        placements:
          detail:
            fresh: "1h"
          home:
            fresh: "1h"
        workers: 2

        """)
  }

  @Test func `the later setting wins`() {
    let both = (["a": 1, "b": 2] as GatewayConfig).adding(["b": 3])
    #expect(both == ["a": 1, "b": 3])
  }

  @Test func `a text with quotes and lines stays one scalar`() {
    let config: GatewayConfig = ["path": "a \"b\"\\c\nd"]
    #expect(config.yaml == "path: \"a \\\"b\\\"\\\\c\\nd\"\n")
  }
}

struct MetricsTextTests {
  @Test func `samples are added up by a label`() {
    let page = MetricsText(
      """
      # HELP needletail_http_requests_total Answers.
      # TYPE needletail_http_requests_total counter
      needletail_http_requests_total{placement="home",tier="l1"} 12
      needletail_http_requests_total{placement="detail",tier="l1"} 3
      needletail_http_requests_total{placement="home",tier="l2"} 4
      needletail_ready 1

      """)
    #expect(page.sums(of: "needletail_http_requests_total", by: "tier") == ["l1": 15, "l2": 4])
    #expect(page.sum(of: "needletail_ready") == 1)
    #expect(page.sum(of: "needletail_absent") == 0)
  }
}

struct HTTPAnswerTests {
  private static let answer =
    "HTTP/1.1 200 OK\r\nContent-Length:      5\r\nCache-Status: Needletail; hit; ttl=3; detail=l2\r\n\r\nhello"

  @Test func `an answer counts head and body together`() {
    let answer = HTTPAnswer.parse(Array((Self.answer + "rest").utf8))
    #expect(answer?.status == 200)
    #expect(answer?.body == "hello")
    #expect(answer?.bytesInAll == Self.answer.utf8.count)
    #expect(answer?.tier == "l2")
  }

  @Test func `half an answer is none, at every split`() {
    let bytes = Array(Self.answer.utf8)
    for count in 0..<bytes.count { #expect(HTTPAnswer.parse(Array(bytes[..<count])) == nil, "after \(count) bytes") }
  }
}
