/// How one placement answers: plain values, from defaults, snapshot and configuration.
public struct PlacementPolicy: Sendable {
  /// Whose list answers, when no `itemId` is given.
  public enum Scope: String, Sendable, CaseIterable {
    case segment, user
    /// The user's once there is a window, else the segment's.
    case auto
  }

  public var name: String
  /// Nil for the gateway's only model.
  public var model: String?
  public var scope = Scope.auto
  public var freshSeconds: UInt32 = 60
  public var staleSeconds: UInt32 = 300
  public var deadlineMicroseconds = 50_000
  /// Items of a rendered list, and the largest `numResults`: 1…100.
  public var listItems = RenderedList.itemsMax
  public var context: ContextDimensions = []
  public var ranking = RankingOverrides()
  /// Always applies, beside the request's.
  public var filter = ItemFilter.none
  /// Lists that other programs write are read.
  public var external = false

  public init(name: String) { self.name = name }

  /// Placements that exist without configuration: a home page, similar items beside one, and what is popular.
  public static let home = PlacementPolicy(name: "home")
  public static let detail = PlacementPolicy(name: "detail")
  public static let trending = PlacementPolicy(name: "trending")
  public static let standard = [home, detail, trending]

  /// The variant of a list of this placement. `arm`: XXH3 of the arm's name, 0 for none. `filter`: the request's.
  public func variant(arm: UInt64 = 0, filter: ItemFilter) throws(ItemFilterError) -> Variant {
    Variant(arm: arm, filter: try effectiveFilter(filter), ranking: ranking.hash)
  }

  /// The placement's filter and the request's together.
  public func effectiveFilter(_ request: ItemFilter) throws(ItemFilterError) -> ItemFilter {
    var both = filter
    try both.formIntersection(request)
    return both
  }
}
