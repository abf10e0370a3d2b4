internal import Snapshots

/// What is known against showing an item to somebody: unavailable, seen before, or outside the filter. Asked item by item
/// while a list is cut, so that a user's whole history need not be loaded for a page of ten.
///
/// Borrows from the model and its availability, without holding them: no counter that all workers share is touched on a
/// hit.
public struct SliceRules: ~Escapable {
  private let ids: ItemIDs
  private let categories: ItemCategories
  private let seen: Column<UInt32>?
  private let filter: ItemFilter
  private let isFiltered: Bool
  /// Nil while everything is available.
  private let unavailable: Availability.Bits?

  @_lifetime(borrow model)
  fileprivate init(
    _ model: borrowing ServingModel, seen: Column<UInt32>?, filter: ItemFilter, unavailable: Availability.Bits?
  ) {
    ids = model.ids
    categories = model.categories
    self.seen = seen
    self.filter = filter
    isFiltered = !filter.isEmpty
    self.unavailable = unavailable
  }

  enum Verdict {
    case shown, forbidden
    /// Nothing else is against it.
    case unavailable
  }

  /// What to do with the item of this hash. One that the model does not know, from another program's list, was never seen
  /// and is in no category. O(log seen + categories × conditions).
  func verdict(_ hash: UInt64) -> Verdict {
    guard let item = ids.find(hash: hash) else { return filter.includeCount > 0 ? .forbidden : .shown }
    if let seen, seen.containsSorted(item) { return .forbidden }
    if isFiltered && !categories.allows(filter, item) { return .forbidden }
    return unavailable?.contains(item) == true ? .unavailable : .shown
  }
}

extension ServingModel {
  /// Rules for cutting a list for somebody. `filter` is for lists that were not made under it, such as trending ones.
  @_lifetime(borrow self)
  func rules(seenBy user: UserRow?, filter: ItemFilter = .none) -> SliceRules {
    SliceRules(self, seen: user.map(seen(by:)), filter: filter, unavailable: nil)
  }

  /// Lends the rules. `availability`: of this model's items.
  public func withRules<Result>(
    seenBy user: UserRow?, filter: ItemFilter = .none, availability: borrowing Availability,
    _ body: (borrowing SliceRules) -> Result
  ) -> Result {
    let unavailable = availability.isComplete ? nil : availability.bits
    return body(SliceRules(self, seen: user.map(seen(by:)), filter: filter, unavailable: unavailable))
  }

  /// XXH3 of every item that a user has met. O(seen items); `rules(seenBy:)` is cheaper for a page.
  public func insertSeen(by user: UserRow, into items: inout ItemHashSet) {
    let seen = seen(by: user)
    for place in 0..<seen.count { items.insert(itemHash(seen[place])) }
  }
}
