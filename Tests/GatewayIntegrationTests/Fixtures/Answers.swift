import FoundationEssentials
import TestSupport

/// A recommendation answer, decoded.
struct Recommendations: Decodable {
  struct Item: Decodable, Equatable {
    let itemId: String
    let score: Double
    let reason: String
  }

  struct Fallback: Decodable, Equatable {
    let reason: String
    let source: String
  }

  struct Model: Decodable, Equatable {
    let name: String
    let version: Int
  }

  let recommendationId: String
  let placement: String
  let items: [Item]
  let fallback: Fallback?
  let model: Model?

  var ids: [String] { items.map(\.itemId) }
}

/// What POST /v1/events says.
struct EventCounts: Decodable, Equatable {
  struct Rejected: Decodable, Equatable {
    let index: Int
    let reason: String
  }

  let accepted: Int
  let duplicates: Int
  let rejected: [Rejected]
}

/// problem+json.
struct ProblemText: Decodable {
  struct Fault: Decodable {
    let pointer: String?
    let parameter: String?
    let detail: String
  }

  let title: String
  let status: Int
  let detail: String
  let errors: [Fault]?
}

extension HTTPAnswer {
  func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(body))
  }

  /// The tier that answered, as `Cache-Status` names it.
  var tier: String? {
    self["Cache-Status"].flatMap { $0.split(separator: "detail=").last.map(String.init) }
  }

  var recommendations: Recommendations { get throws { try decoded() } }
  var problem: ProblemText { get throws { try decoded() } }
}

/// Where requests go.
func target(_ placement: String, _ query: String = "") -> String {
  "/v1/placements/\(placement)/recommendations" + (query.isEmpty ? "" : "?" + query)
}

/// A body of POST /v1/events with one event.
func event(_ type: String, user: String, item: String, id: String) -> String {
  #"{"events":[{"eventId":"\#(id)","eventType":"\#(type)","userId":"\#(user)","itemId":"\#(item)"}]}"#
}
