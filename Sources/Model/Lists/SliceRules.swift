internal import Snapshots

/// What the model knows against showing an item to somebody: seen before, or outside the filter. Asked item by item while
/// a list is cut, so that a user's whole history need not be loaded for a page of ten.
///
/// Borrows from the model, without holding it: no counter that all workers share is touched on a hit.
public struct SliceRules: ~Escapable {
  private let ids: ItemIDs
  private let categories: ItemCategories
  private let seen: Column<UInt32>?
  private let filter: ItemFilter
  private let isFiltered: Bool

  @_lifetime(borrow model)
  fileprivate init(_ model: borrowing ServingModel, seen: Column<UInt32>?, filter: ItemFilter) {
    ids = model.ids
    categories = model.categories
    self.seen = seen
    self.filter = filter
    isFiltered = !filter.isEmpty
  }

  /// Whether the item of this hash must not be shown. One that the model does not know, from another program's list, was
  /// never seen and is in no category. O(log seen + categories × conditions).
  func forbids(_ hash: UInt64) -> Bool {
    guard let item = ids.find(hash: hash) else { return filter.includeCount > 0 }
    if let seen, seen.containsSorted(item) { return true }
    return isFiltered && !categories.allows(filter, item)
  }
}

extension ServingModel {
  /// Rules for cutting a list for somebody. `filter` is for lists that were not made under it, such as trending ones.
  @_lifetime(borrow self)
  public func rules(seenBy user: UserRow?, filter: ItemFilter = .none) -> SliceRules {
    SliceRules(self, seen: user.map(seen(by:)), filter: filter)
  }

  /// Lends the rules, to owners whose model is a property.
  public func withRules<Result>(
    seenBy user: UserRow?, filter: ItemFilter = .none, _ body: (borrowing SliceRules) -> Result
  ) -> Result {
    body(rules(seenBy: user, filter: filter))
  }

  /// XXH3 of every item that a user has met. O(seen items); `rules(seenBy:)` is cheaper for a page.
  public func insertSeen(by user: UserRow, into items: inout ItemHashSet) {
    let seen = seen(by: user)
    for place in 0..<seen.count { items.insert(itemHash(seen[place])) }
  }
}
