/// Why a split cannot be evaluated.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case tooManyBroken(path: String, broken: Int, lines: Int, first: [AdjacencyFile.BrokenLine])
  case empty(path: String)
  /// No test user has an item that the training part does not hold.
  case nothingToTest
  case factorization(FactorizationError)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
    case .tooManyBroken(let path, let broken, let lines, let first):
      "\(path): \(broken) of \(lines) lines are broken, more than the \(Int(AdjacencyFile.brokenShareMax * 100)) % that are "
        + "put up with; \(first.map(\.description).joined(separator: "; "))"
    case .empty(let path): "\(path): holds no interaction"
    case .nothingToTest: "no user of the test part has a test item"
    case .factorization(let error): error.description
    }
  }
}
