import Reactor

/// One request that a simulated client makes, and what the oracle has to know of it.
struct Question {
  enum Kind {
    case recommendation(Recommendation)
    /// A batch of views of one user: the taste, the places of the items.
    case events(user: Int, places: [Int])
    case live, ready, unknownPath, options
    /// Not HTTP, or not in our limits: one answer with a 4xx or 5xx, and the end.
    case malformed
    /// A request that HTTP allows and the API refuses with this status.
    case refused(Int)
  }

  struct Recommendation {
    var placement = "home"
    /// The user's taste; nil for nobody.
    var user: Int?
    /// A user whom no snapshot knows.
    var stranger: String?
    /// The taste and place of an item.
    var item: (taste: Int, place: Int)?
    var isItemUnknown = false
    var segment: Int?
    var count = 3
    var excluded: [String] = []
    var timeoutMilliseconds: Int?
    var isPost = false
    var isHead = false
    var entityTag: String?
  }

  var kind: Kind
  var bytes: [UInt8]
  /// When the first byte of its batch was handed to the network, after which it may have been read.
  var begunNanoseconds: UInt64 = 0
  /// When the last byte was.
  var sentNanoseconds: UInt64 = 0

  var isHead: Bool { if case .recommendation(let ask) = kind { ask.isHead } else { false } }
}

extension Question {
  static func recommendation(_ ask: Recommendation) -> Question {
    var query = ["numResults=\(ask.count)"]
    if let user = ask.user { query.append("userId=\(TasteShop.user(user))") }
    if let stranger = ask.stranger { query.append("userId=\(stranger)") }
    if let item = ask.item { query.append("itemId=\(TasteShop.item(item.taste, item.place))") }
    if ask.isItemUnknown { query.append("itemId=nothing") }
    if let segment = ask.segment { query.append("segment=s\(segment)") }
    if let timeout = ask.timeoutMilliseconds { query.append("timeoutMs=\(timeout)") }
    if !ask.excluded.isEmpty { query.append("exclude=\(ask.excluded.joined(separator: ","))") }
    let method = ask.isPost ? "POST" : ask.isHead ? "HEAD" : "GET"
    var fields: [String] = []
    if let tag = ask.entityTag { fields.append("If-None-Match: \(tag)") }
    let target = "/v1/placements/\(ask.placement)/recommendations?" + query.joined(separator: "&")
    return Question(kind: .recommendation(ask), bytes: request(method, target, fields, ask.isPost ? "{}" : nil))
  }

  /// A user looks at items of their own taste.
  static func events(user: Int, places: [Int], id: String) -> Question {
    let events = places.enumerated().map { index, place in
      """
      {"eventId":"\(id)-\(index)","eventType":"view","userId":"\(TasteShop.user(user))",\
      "itemId":"\(TasteShop.item(user, place))"}
      """
    }
    let body = "{\"events\":[\(events.joined(separator: ","))]}"
    return Question(kind: .events(user: user, places: places), bytes: request("POST", "/v1/events", [], body))
  }

  static func plain(_ kind: Kind, _ method: String, _ target: String) -> Question {
    Question(kind: kind, bytes: request(method, target))
  }

  static func malformed(_ text: String) -> Question { Question(kind: .malformed, bytes: Array(text.utf8)) }

  private static func request(_ method: String, _ target: String, _ fields: [String] = [], _ body: String? = nil)
    -> [UInt8]
  {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: shop"] + fields
    if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")).utf8)
  }
}
