import HTTP
import Model

// `/admin/v1/availability`: which items are sold out until further notice.
extension Admin {
  /// Ids on a page, unless the call wants fewer: some 16 KB of them, 256 KB of the longest.
  static let availabilityPageMax = 1000

  func availability(_ request: AdminRequest, _ connection: AdminConnection) {
    switch request.method {
    case .get, .head: connection.answer(availabilityPage(request))
    case .post, .put, .delete: changeAvailability(request, connection)
    default:
      connection.answer(
        .problem(404, "There is no such call. GET, POST, PUT and DELETE work at /admin/v1/availability."))
    }
  }

  // MARK: Changes.

  private func changeAvailability(_ request: AdminRequest, _ connection: AdminConnection) {
    guard control.takesAvailability else {
      var answer = AdminAnswer.problem(503, "This gateway is ending or being taken over. Ask again in a second.")
      answer.fields = [("Retry-After", "1")]
      return connection.answer(answer)
    }
    do throws(RequestProblem) {
      let change =
        request.method == .delete
        ? AvailabilityChange.clearing
        : try AvailabilityChange(request.body, whole: request.method == .put, parser: availabilityParser)
      try control.change(change) { connection.answer(Admin.answer($0)) }
    } catch { connection.answer(.problem(error)) }
  }

  private static func answer(_ answer: Control.AvailabilityAnswer) -> AdminAnswer {
    if case .notSaved(let reason) = answer.outcome {
      return .problem(
        500, "The change is in force, but was not written, so a restart would forget it: \(reason). Call again.")
    }
    let object = JSONText.object([
      "schemaVersion": .number(1), "changed": .number(answer.changed), "unknown": .number(answer.unknown),
      "count": .number(answer.count),
    ])
    return .json(object.text)
  }

  // MARK: The set.

  /// `?after=ID&limit=N`: ids in ascending order of their bytes; `next` is the `after` of the next page.
  private func availabilityPage(_ request: AdminRequest) -> AdminAnswer {
    var limit = Admin.availabilityPageMax
    if let text = request.query["limit"] {
      guard let number = Int(text), (1...Admin.availabilityPageMax).contains(number) else {
        return .problem(400, "limit must be a number from 1 to \(Admin.availabilityPageMax).")
      }
      limit = number
    }
    let set = control.unavailable
    let page = set.page(after: request.query["after"].map { ItemID($0) }, limit: limit)
    let models = control.catalogue.models.sorted { $0.key < $1.key }.map { name, served in
      JSONText.object(["name": .text(name), "unavailable": .number(served.availability.unavailableCount)])
    }
    let object = JSONText.object([
      "schemaVersion": .number(1), "count": .number(set.count), "models": .list(models),
      "unavailable": .list(page.map { .text($0.text) }),
      "next": page.endIndex < set.count ? page.last.map { .text($0.text) } ?? .null : .null,
    ])
    return .json(object.text)
  }
}

extension AdminAnswer {
  /// What is wrong with a call, and where in its body.
  static func problem(_ problem: RequestProblem) -> AdminAnswer {
    var answer = AdminAnswer.problem(problem.status, problem.detail)
    answer.faults = Problem(problem, inBody: true).faults
    return answer
  }
}
