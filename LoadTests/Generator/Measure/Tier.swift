/// Where an answer came from, by the `detail` of its `Cache-Status`.
public enum Tier: UInt8, Sendable, CaseIterable {
  case l1, l2, computed, stale, popular
  /// A detail that is none of these.
  case other
  /// No detail: another server, or one that hides its caches.
  case none

  public var name: String { "\(self)" }

  public init?(name: some StringProtocol) {
    guard let tier = Tier.allCases.first(where: { $0.name == name }) else { return nil }
    self = tier
  }
}
