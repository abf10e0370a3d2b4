import Bytes
public import Configuration
import Logging
import Memcached
import Model
import Publishing
import Reactor
import Snapshots

/// Writes segment lists to memcached before anybody asks: for `needletail precompute`, and for a snapshot that is about
/// to take over. Each run has a loop and connections of its own, on the thread that calls it.
public struct Warmer: Sendable {
  let settings: Settings
  let placements: Placements

  /// Which lists are written.
  enum Mode: Sendable {
    /// Every one, in place of what is there.
    case all
    /// Those that memcached lacks, under win tokens: nodes of a fleet that swap at once share the work.
    case missing
  }

  /// All segments' lists, and those of items that are hot; a user's depends on a window that may change meanwhile.
  func fillMissing(_ model: ServedModel, _ hottest: [HotList] = [], budgetMilliseconds: Int) -> WarmCounts {
    let items = hottest.filter { if case .item = $0.subject { true } else { false } }
    return fill(
      recipes(for: model) + recipes(for: model, items).map(\.recipe), .missing, budgetMilliseconds: budgetMilliseconds
    ) { _, _ in }
  }

  /// Renders what the first cache of every worker is to hold when the version begins to serve: what was hot under the
  /// one before, then the lists of the largest segments, as many as `HotList.countMax` and as the budget lets. Not those
  /// that another program may have written: an own list in L1 would stand before them until it is stale.
  ///
  /// - Parameter atSeconds: when windows were read; the lists are as old as that.
  func prepare(
    _ model: ServedModel, _ hottest: [HotList], atSeconds now: UInt32, budgetMilliseconds: Int
  ) -> PreparedLists {
    let segments = recipes(for: model).map { (recipe: $0, window: [UInt8]()) }
    let wanted = (recipes(for: model, hottest) + segments)
      .filter { !$0.recipe.shelf.placement.policy.external }.prefix(HotList.countMax)
    let deadline = milliseconds() + budgetMilliseconds
    let scratch = ComputeScratch()
    var key = ByteBuffer(capacity: 256)
    var list = ByteBuffer(capacity: 65536)
    var lists: [PreparedLists.List] = []
    for (recipe, window) in wanted where milliseconds() < deadline {
      key.removeAll()
      list.removeAll()
      recipe.append(keyTo: &key)
      let hash = xxh3(key.bytes)
      do throws(RenderFailure) {
        try recipe.render(keyHash: hash, window: window.span.bytes, now: now, scratch: scratch, into: &list)
      } catch { continue }
      let fresh = now &+ recipe.shelf.freshSeconds
      lists.append(
        PreparedLists.List(
          key: key.bytes.copied(), bytes: list.bytes.copied(), freshUntil: fresh,
          staleUntil: fresh &+ recipe.shelf.staleSeconds))
    }
    return PreparedLists(model.identity, lists)
  }

  private func recipes(for served: ServedModel, _ lists: [HotList]) -> [(recipe: Recipe, window: [UInt8])] {
    var shelves: [Int: Shelf] = [:]
    return lists.compactMap { list in
      guard list.placement < placements.all.count, !placements[list.placement].isRetired else { return nil }
      let shelf = shelves[list.placement] ?? Shelf(list.placement, placements[list.placement], served)
      shelves[list.placement] = shelf
      return list.recipe(shelf).map { ($0, list.window) }
    }
  }

  /// Fills what it can within the budget, hottest segments first. Without memcached, or with a dead one, it returns at
  /// once or when connecting has taken too long: warming never keeps a snapshot from serving.
  func fill(
    _ recipes: [Recipe], _ mode: Mode, budgetMilliseconds: Int, progress: @escaping (Int, Int) -> Void
  ) -> WarmCounts {
    guard !settings.memcachedServers.isEmpty, !recipes.isEmpty else { return WarmCounts() }
    do {
      let filling = try Filling(
        recipes: recipes, mode: mode, settings: settings, budgetMilliseconds: budgetMilliseconds, progress: progress)
      return filling.run()
    } catch {
      Logger(label: "warmer").warning("lists could not be written", metadata: ["reason": "\(error)"])
      var counts = WarmCounts()
      counts.left = recipes.count
      return counts
    }
  }

  /// One recipe for each placement, context bucket and segment, the largest segments first.
  func recipes(for served: ServedModel) -> [Recipe] {
    placements.all.indices.flatMap { index -> [Recipe] in
      let placement = placements[index]
      guard !placement.isTrending, placement.scope != .user,
        [nil, served.identity.name].contains(placement.policy.model ?? settings.model)
      else { return [] }
      let plan = PrecomputePlan(served.model, placement.policy, placements.vocabulary)
      let shelf = Shelf(index, placement, served)
      return (0..<plan.count).map { Recipe(shelf, .segment(plan[$0].segment), plan[$0].context) }
    }
  }
}

extension Warmer {
  /// Writes the lists of every model that the settings serve, from the repository's current snapshots: what
  /// `needletail precompute` does. `progress` is told how many of how many keys are done.
  public static func precompute(_ settings: Settings, progress: @escaping (Int, Int) -> Void) throws -> WarmCounts {
    let placements = try Placements(settings)
    let warmer = Warmer(settings: settings, placements: placements)
    let repository = try RepositoryLocation(parsing: settings.repository).open(RepositoryAccess(settings))
    let store = SnapshotStore(dataDirectory: settings.dataDirectory)
    let named = Set(placements.all.compactMap(\.policy.model) + [settings.model].compactMap { $0 })
    let models = named.isEmpty ? try repository.models() : named.sorted()
    guard !models.isEmpty else {
      throw ServerError("the repository \(settings.repository) has no model; `needletail train` makes one")
    }
    var total = WarmCounts()
    for model in models {
      let listing = try repository.listing(of: model)
      guard let choice = VersionChoice.choose(usable: listing.versions.keys, aliases: listing.aliases) else {
        throw ServerError("the model \"\(model)\" has no version in \(settings.repository)")
      }
      let pulled = try store.pull(model, choice.champion, from: repository)
      let served = try ServedModel(pulled.path, pulled.identity, placements, namespace: settings.memcachedNamespace)
      // An hour is more than any catalogue needs; a dead node ends it at once.
      total.add(warmer.fill(warmer.recipes(for: served), .all, budgetMilliseconds: 3_600_000, progress: progress))
    }
    return total
  }
}
