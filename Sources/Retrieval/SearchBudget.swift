/// What a search spends.
public struct SearchBudget: Sendable, Equatable {
  /// Blocks of 32 items that are scanned.
  public var blocks: Int
  /// The best of these by their first codes, scored again with the finer ones.
  public var refined: Int
  /// The best of those, scored again with exact rows.
  public var rescored: Int
  /// With a filter: blocks with allowed items to scan at least, however many of those they hold.
  var least = 0

  /// The same in more blocks.
  func looking(in blocks: Int) -> SearchBudget {
    var wider = self
    wider.blocks = blocks
    return wider
  }

  /// Negative numbers count as none; a search scans one block at least, scores `SearchScratch.refinedMax` items by finer
  /// codes at most, and always as many as are asked for.
  public init(blocks: Int, refined: Int, rescored: Int) {
    self.blocks = max(1, blocks)
    self.refined = max(0, refined)
    self.rescored = max(0, rescored)
  }
}
