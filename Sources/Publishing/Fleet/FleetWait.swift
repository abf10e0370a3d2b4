/// Whether enough nodes of a fleet have a version where its publisher wants it. Decides; asks nobody.
public struct FleetWait: Sendable {
  /// What one node said last.
  public enum Standing: Sendable, Equatable {
    /// It has not been reached yet, or not any more: why.
    case silent(String)
    /// It wants other credentials.
    case notAllowed
    /// It does not know the version yet.
    case unaware
    case standing(ModelState, reason: RejectReason?, detail: String, progress: Double)
  }

  public enum Outcome: Sendable, Equatable {
    case reached
    /// So many nodes refuse it for good that it cannot be reached any more; the reason of the first.
    case rejected(RejectReason?)
    /// Time is up.
    case late
    /// Time is up, and no node that is missing has ever answered.
    case unreachable
    case notAllowed
  }

  /// A share of the nodes, or a number of them.
  public struct Quorum: Sendable, Equatable {
    private let share: Double?
    private let count: Int?

    public static let all = Quorum(share: 1, count: nil)

    private init(share: Double?, count: Int?) { (self.share, self.count) = (share, count) }

    /// `80%`, or `3`; nil for what is neither.
    public init?(parsing text: String) {
      if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 {
        self.init(share: percent / 100, count: nil)
      } else if let count = Int(text), count > 0 {
        self.init(share: nil, count: count)
      } else {
        return nil
      }
    }

    /// At least one, at most all.
    public func nodes(of total: Int) -> Int {
      let wanted = count ?? Int((Double(total) * share! - 1e-9).rounded(.up))
      return min(total, max(1, wanted))
    }
  }

  public let wanted: ModelState
  public let required: Int
  public private(set) var standings: [Standing]

  public init(nodes: Int, wanted: ModelState, quorum: Quorum) {
    precondition(nodes > 0, "a wait for no node would be over before the version is anywhere")
    self.wanted = wanted
    required = quorum.nodes(of: nodes)
    standings = Array(repeating: .silent("not asked yet"), count: nodes)
  }

  public mutating func note(_ standing: Standing, of node: Int) { standings[node] = standing }

  /// Nodes where the version is, and serves if that is wanted.
  public var reached: Int { standings.filter { hasReached($0) }.count }

  /// Nil while it is worth waiting.
  public var outcome: Outcome? {
    if reached >= required { return .reached }
    let lost = standings.filter { isLost($0) }
    guard standings.count - lost.count < required else { return nil }
    for case .standing(_, let reason, _, _) in lost { return .rejected(reason) }
    return .notAllowed
  }

  /// What it comes to when nobody waits any longer.
  public var outcomeOfDeadline: Outcome {
    if let outcome { return outcome }
    let missing = standings.filter { !hasReached($0) }
    return missing.allSatisfy { if case .silent = $0 { true } else { false } } ? .unreachable : .late
  }

  private func hasReached(_ standing: Standing) -> Bool {
    guard case .standing(let state, _, _, _) = standing else { return false }
    return state >= wanted && state <= .serving
  }

  private func isLost(_ standing: Standing) -> Bool {
    switch standing {
    case .notAllowed: true
    // A fault of the node or the network is tried again by the node itself. So is a version without a signature, but it is
    // for the publisher to bring one.
    case .standing(.rejected, let reason, _, _): reason?.isTransient != true || reason == .signatureMissing
    case .standing(let state, _, _, _): state == .draining || state == .unloaded
    case .silent, .unaware: false
    }
  }
}
