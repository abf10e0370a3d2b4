internal import Retrieval

/// Which list is wanted. What is the same for a whole placement stands in its policy.
public struct ListQuery: Sendable {
  public var subject: Subject
  public var context: ContextBucket
  /// The request's; the placement's is added.
  public var filter: ItemFilter
  /// XXH3 of the list's key.
  public var keyHash: UInt64
  /// Unix seconds.
  public var now: UInt32

  public init(subject: Subject, context: ContextBucket = .any, filter: ItemFilter = .none, keyHash: UInt64, now: UInt32)
  {
    self.subject = subject
    self.context = context
    self.filter = filter
    self.keyHash = keyHash
    self.now = now
  }
}

/// Why a list cannot be made. The gateway answers with another one.
public enum RenderFailure: Error, Sendable, Equatable {
  /// The subject is not in this snapshot: a user with neither row nor window, an item or segment of another catalogue.
  case unknownSubject
  /// The filter, or what the user has seen, leaves nothing.
  case nothingLeft
  /// Placement and request name too many conditions.
  case filter(ItemFilterError)
  /// The query is no vector that can be searched for: it overflowed.
  case unsearchable
}

/// Why an item stands in a list: what a client reads as `reason`.
enum ItemReason {
  case personalized, similar, popular

  var name: StaticString {
    switch self {
    case .personalized: "personalized"
    case .similar: "similar"
    case .popular: "popular"
    }
  }
}
