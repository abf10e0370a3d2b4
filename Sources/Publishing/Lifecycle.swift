/// Where a version stands on its way to serving, and back.
public enum ModelState: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
  case discovered = "DISCOVERED"
  case fetching = "FETCHING"
  case verifying = "VERIFYING"
  case loading = "LOADING"
  case warming = "WARMING"
  case ready = "READY"
  case serving = "SERVING"
  case draining = "DRAINING"
  case unloaded = "UNLOADED"
  case rejected = "REJECTED"

  /// Whether nothing follows.
  public var isFinal: Bool { self == .unloaded || self == .rejected }

  /// Along the way to serving and back.
  public static func < (left: ModelState, right: ModelState) -> Bool {
    ModelState.allCases.firstIndex(of: left)! < ModelState.allCases.firstIndex(of: right)!
  }

  /// Whether an alias may point to a version that stands here.
  public var isUsable: Bool { self == .ready || self == .serving }

  /// The states that may follow without a rejection.
  ///
  /// One leads to the next; besides, a version that stops serving may stay READY, loaded, so that a rollback takes no
  /// longer than a swap; and one that was READY may leave without ever having served.
  var successors: [ModelState] {
    switch self {
    case .discovered: [.fetching]
    case .fetching: [.verifying]
    case .verifying: [.loading]
    case .loading: [.warming]
    case .warming: [.ready]
    case .ready: [.serving, .draining]
    case .serving: [.ready, .draining]
    case .draining: [.unloaded]
    case .unloaded, .rejected: []
    }
  }
}

/// A version's state with its reason, its sentence and its progress. Decides; does nothing.
public struct Lifecycle: Sendable, Equatable {
  public let identity: ModelIdentity
  public private(set) var state = ModelState.discovered
  public private(set) var reason: RejectReason?
  /// A sentence about the state; empty when there is nothing to say.
  public private(set) var detail = ""
  /// Of the present state, 0…1.
  public private(set) var progress = 0.0

  public init(_ identity: ModelIdentity) { self.identity = identity }

  public struct IllegalMove: Error, Equatable, CustomStringConvertible {
    public let identity: ModelIdentity
    public let from: ModelState
    public let to: ModelState
    public var description: String { "\(identity) cannot go from \(from.rawValue) to \(to.rawValue)" }
  }

  public mutating func advance(to next: ModelState, detail: String = "") throws(IllegalMove) {
    guard state.successors.contains(next) else { throw IllegalMove(identity: identity, from: state, to: next) }
    state = next
    progress = 0
    self.detail = detail
  }

  /// Ends the way up, or a service that a guard stopped.
  public mutating func reject(_ reason: RejectReason, detail: String) throws(IllegalMove) {
    guard !state.isFinal else { throw IllegalMove(identity: identity, from: state, to: .rejected) }
    state = .rejected
    self.reason = reason
    self.detail = detail
  }

  public mutating func reject(_ error: PublishError) throws(IllegalMove) {
    try reject(error.reason, detail: error.detail)
  }

  /// Notes progress inside the present state; it never falls.
  public mutating func report(progress fraction: Double) {
    progress = max(progress, min(1, fraction.isFinite ? fraction : 0))
  }
}
