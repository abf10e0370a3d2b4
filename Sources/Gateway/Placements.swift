import Bytes
import Configuration
import Model

/// The placements of a configuration, numbered, so that a request finds its own once and everything else is an index.
/// Shared by reference: a copy of its tables would count a reference for each.
final class Placements: Sendable {
  struct Placement: Sendable {
    let policy: PlacementPolicy
    /// Items of an answer when the request does not say.
    let numResults: Int
    /// Its own list is the trending one.
    let isTrending: Bool
    /// Stands in recommendation ids.
    let code: UInt16
    /// Gone with a reload: its number stays, because requests under way and counters know it by that.
    var isRetired = false

    var scope: Exchange.Scope {
      switch policy.scope {
      case .segment: .segment
      case .user: .user
      case .auto: .auto
      }
    }
  }

  let all: [Placement]
  let windowKeys: WindowKeys
  let vocabulary: ContextVocabulary
  let names: [String]
  /// Counts the reloads that made these of the first.
  let generation: Int
  /// The same, one after the other, and where each ends: compared without touching a `String`.
  private let spelling: [UInt8]
  private let ends: [Int]

  /// Throws a sentence that begins with the key at fault.
  /// - Parameter old: the placements in force. They keep their numbers, new ones follow, and what is gone retires.
  init(_ settings: Settings, after old: Placements? = nil) throws(ServerError) {
    generation = old.map { $0.generation + 1 } ?? 0
    // Zone files are read only where a placement has lists for the time of day.
    let tellsTime = settings.placements.values.contains { $0.context.contains("daypart") }
    do {
      vocabulary = try ContextVocabulary(
        languages: settings.languages, regions: settings.regions, timeZones: tellsTime ? TimeZones() : .offsetsOnly)
    } catch {
      throw ServerError("context: \(error)")
    }
    do { windowKeys = try WindowKeys(namespace: settings.memcachedNamespace) } catch {
      throw ServerError("memcached.namespace: \(error)")
    }
    var all: [Placement] = []
    let kept = old?.names ?? []
    for name in kept + settings.placements.keys.filter({ !kept.contains($0) }).sorted() {
      guard let placement = settings.placements[name] else {
        var retired = old![kept.firstIndex(of: name)!]
        retired.isRetired = true
        all.append(retired)
        continue
      }
      do throws(ItemFilterError) {
        all.append(
          Placement(
            policy: try PlacementPolicy(name: name, placement), numResults: placement.numResults,
            isTrending: name == "trending", code: RecommendationID.placementCode(name)))
      } catch {
        throw ServerError("placements.\(name).filter: \(error)")
      }
    }
    self.all = all
    let names = all.map(\.policy.name)
    self.names = names
    spelling = names.flatMap { Array($0.utf8) }
    ends = names.indices.map { last in names[...last].reduce(0) { $0 + $1.utf8.count } }
  }

  subscript(_ index: Int) -> Placement { all[index] }

  /// The number of the placement of this name. O(placements): there are a handful.
  func index(of name: RawSpan) -> Int? {
    spelling.withBytes { spelling in
      var start = 0
      for index in 0..<ends.count {
        if equal(name, spelling.extracting(start..<ends[index])) { return all[index].isRetired ? nil : index }
        start = ends[index]
      }
      return nil
    }
  }
}

extension PlacementPolicy {
  /// A placement as configured.
  init(name: String, _ settings: PlacementSettings) throws(ItemFilterError) {
    self.init(name: name)
    model = settings.model
    scope = Scope(rawValue: settings.scope)!
    freshSeconds = UInt32(settings.freshSeconds)
    staleSeconds = UInt32(settings.staleSeconds)
    deadlineMicroseconds = settings.deadlineMicroseconds
    listItems = settings.listItems
    context = ContextDimensions(names: settings.context)!
    external = settings.external
    if !settings.filter.isEmpty { filter = try ItemFilter(query: settings.filter.utf8.span.bytes) }
    ranking.similarity = settings.similarity
    ranking.popularity = settings.popularity
    ranking.freshness = settings.freshness
    ranking.freshnessHalfLifeDays = settings.freshnessHalfLifeDays
    ranking.affinity = settings.affinity
    ranking.context = settings.contextWeight
    ranking.diversity = settings.diversity
    ranking.candidates = settings.candidates
  }
}
