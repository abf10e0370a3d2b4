/// What is wrong with a request that was read without a mistake in its framing: the client's fault, not to be retried
/// unchanged. Answered as problem+json; the connection stays.
struct RequestProblem: Error, Sendable, Equatable {
  let status: Int
  /// The parameter or member at fault; nil when it is the whole.
  let parameter: String?
  let detail: String

  static func bad(_ parameter: String, _ detail: String) -> RequestProblem {
    RequestProblem(status: 400, parameter: parameter, detail: detail)
  }

  static func tooLong(_ parameter: String, _ detail: String) -> RequestProblem {
    RequestProblem(status: 413, parameter: parameter, detail: detail)
  }
}
