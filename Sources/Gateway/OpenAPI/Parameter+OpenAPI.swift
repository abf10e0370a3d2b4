// What the API's description says of each parameter: kept beside nothing else, and a test holds every case to it.
extension Parameter {
  /// For the people who call the API.
  var sentence: String {
    switch self {
    case .userId: "Who asks: any text. It is hashed under a secret key before anything else happens to it."
    case .sessionId: "The visit of the page; nothing depends on it yet."
    case .itemId: "Items like this one."
    case .segment: "A segment's number, as 7 or s7, instead of the user's own."
    case .numResults: "How many items; the placement's numResults when absent. More than its listItems is refused."
    case .exclude: "Ids to leave out."
    case .filter:
      "Narrows what the placement shows: category:shoes,-category:sale. Included categories widen each other, excluded ones narrow."
    case .fields: "Members of metadata to answer with; all of them when absent."
    case .timeoutMs: "Milliseconds after which the best answer so far is sent; capped by the placement's deadline."
    case .strictFiltering: "true: an empty filter result stays empty. Else it is filled with what is popular."
    case .explain: "Read, and without effect yet."
    case .arm: "Arm of an experiment: each has its own lists."
    case .device: "desktop, mobile, tablet, tv; for placements that have lists for it."
    case .locale: "As de-DE; for placements that have lists for its language or region."
    case .hour: "The local hour; for placements that have lists for the time of day."
    case .time: "A time like 2026-11-22T16:20:39Z or Unix seconds, instead of now."
    case .timeZone: "As Europe/Berlin or +01:00: what makes a local hour of the time."
    }
  }

  /// JSON Schema (2020-12) of the value.
  var schema: String {
    switch self {
    case .numResults: #"{"type":"integer","minimum":1,"maximum":100}"#
    case .timeoutMs: #"{"type":"integer","minimum":1,"maximum":60000}"#
    case .hour: #"{"type":"integer","minimum":0,"maximum":23}"#
    case .strictFiltering, .explain: #"{"type":"boolean","default":false}"#
    case .exclude: list(max: RecommendationRequest.excludedMax, textMax: RecommendationRequest.idBytesMax)
    case .fields: list(max: RecommendationRequest.fieldsMax, textMax: RecommendationRequest.idBytesMax)
    case .filter: #"{"type":"string","maxLength":\#(RecommendationRequest.filterBytesMax)}"#
    default: #"{"type":"string","maxLength":\#(RecommendationRequest.idBytesMax)}"#
    }
  }

  private func list(max: Int, textMax: Int) -> String {
    #"{"type":"array","maxItems":\#(max),"items":{"type":"string","maxLength":\#(textMax)}}"#
  }

  /// The member of a body under which it stands; nil for the body itself.
  var group: String? {
    switch self {
    case .device, .locale, .hour, .time, .timeZone: "context"
    case .arm: "experiment"
    default: nil
    }
  }
}
