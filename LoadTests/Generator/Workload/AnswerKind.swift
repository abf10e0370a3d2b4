/// What is expected of the answer to a request.
enum AnswerKind: Sendable, Equatable {
  /// Any 2xx.
  case raw
  case list(placement: String, results: Int?)
  case batch([BatchList])
  case events(count: Int)

  struct BatchList: Sendable, Equatable {
    var placement: String
    var results: Int?
  }

  init(_ template: RequestTemplate) {
    if template.target != nil {
      self = .raw
    } else if template.isBatch {
      self = .batch(template.lists.map { BatchList(placement: $0.placement, results: $0.results) })
    } else {
      self = .list(placement: template.lists[0].placement, results: template.lists[0].results)
    }
  }

  /// Whether its tier is one of a recommendation.
  var isRecommendation: Bool {
    switch self {
    case .raw, .list, .batch: true
    case .events: false
    }
  }
}
