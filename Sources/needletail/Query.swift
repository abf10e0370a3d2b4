import ArgumentParser
import FoundationEssentials

struct Query: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask a running node for recommendations and show them.",
    discussion: """
      needletail query --user 42
      needletail query --placement detail --item 318 --count 5
      needletail query --json
      """)

  @Option(help: "Address of the node.") var node = "127.0.0.1:8080"
  @Option(help: "The shelf.") var placement = "home"
  @Option(help: "A user's id.") var user: String?
  @Option(help: "A segment's number.") var segment: String?
  @Option(help: "An item's id, for items like it.") var item: String?
  @Option(help: "How many items.") var count = 10
  @Option(help: "Filter, as in category:Comedy,-category:Drama.") var filter: String?
  @Flag(help: "Print the answer's body as it came.") var json = false

  func run() throws {
    try reporting {
      let answer = try BlockingHTTP(address: node).get(target)
      guard answer.status == 200 else {
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer.body.utf8))
        throw CommandFailure(
          answer.status < 500 ? .data : .unavailable,
          "the node answers \(answer.status): \(problem?.detail ?? answer.body)")
      }
      if json { print(answer.body) } else { try show(answer) }
    }
  }

  private var target: String {
    var parameters = ["numResults=\(count)"]
    for (name, value) in [("userId", user), ("segment", segment), ("itemId", item), ("filter", filter)] {
      guard let value else { continue }
      parameters.append("\(name)=\(percentEncoded(value))")
    }
    return "/v1/placements/\(percentEncoded(placement))/recommendations?" + parameters.joined(separator: "&")
  }

  private func percentEncoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { encoded, byte in
      let character = Character(UnicodeScalar(byte))
      if byte < 128 && (character.isLetter || character.isNumber || "-._~".contains(character)) {
        encoded.append(character)
      } else {
        encoded += "%\(hex[Int(byte >> 4)])\(hex[Int(byte & 15)])"
      }
    }
  }

  private struct Problem: Decodable { let detail: String }

  private struct Body: Decodable {
    struct Item: Decodable {
      struct Metadata: Decodable { let title: String? }
      let itemId: String
      let score: Double
      let reason: String
      let metadata: Metadata?
    }
    struct Fallback: Decodable {
      let reason: String
      let source: String
    }
    struct Model: Decodable {
      let name: String
      let version: Int
    }
    let items: [Item]
    let fallback: Fallback?
    let model: Model?
  }

  /// Titles come from a catalogue: their control characters must not reach a terminal.
  private func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }

  private func show(_ answer: BlockingHTTP.Answer) throws {
    guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body.utf8)) else {
      throw CommandFailure(.data, "the answer is not a list of recommendations: \(answer.body.prefix(200))")
    }
    for (index, item) in body.items.enumerated() {
      let rank = String(repeating: " ", count: index < 9 ? 1 : 0) + "\(index + 1)"
      print(
        "\(rank)  \(item.score)  \(printable(item.metadata?.title ?? item.itemId))  [\(printable(item.itemId)), \(item.reason)]"
      )
    }
    let model = body.model.map { "\($0.name) version \($0.version)" } ?? "no model"
    print("\(model); \(answer.field("cache-status") ?? "no Cache-Status")")
    if let fallback = body.fallback { print("fallback: \(fallback.reason), answered from \(fallback.source)") }
  }
}
