/// Which version of a model shall serve, and which is tried beside it.
public struct VersionChoice: Sendable, Equatable {
  public enum Source: String, Sendable {
    case pinned, alias, largest, serving
    /// The challenger, by a canary of this node.
    case promoted
  }

  public let champion: Int
  public let source: Source
  /// Never the champion.
  public let challenger: Int?

  /// Pinned by an operator > alias `champion` > largest version. A pure function of what is known.
  ///
  /// - `usable`: the versions that are there and have not been rejected.
  /// - `serving`: the version that serves now, if one does. When the version asked for by name is not usable it stays;
  ///   on a node that starts, the largest usable version below the one asked for is the nearest to what was meant.
  ///
  /// Nil when nothing is usable.
  public static func choose(
    usable: some Collection<Int>, aliases: Aliases, pinned: Int? = nil, serving: Int? = nil
  ) -> VersionChoice? {
    let named: (Int, Source)? = pinned.map { ($0, .pinned) } ?? aliases.champion.map { ($0, .alias) }
    let champion: (Int, Source)?
    switch named {
    case let named? where usable.contains(named.0): champion = named
    case let named?:
      let below = usable.filter { $0 < named.0 }.max() ?? usable.max()
      champion = serving.map { ($0, .serving) } ?? below.map { ($0, .largest) }
    case nil:
      // Without an alias a challenger is a version like any other, but for one thing: it has not been promoted.
      let settled = usable.filter { $0 != aliases.challenger }.max() ?? usable.max()
      champion = settled.map { ($0, .largest) }
    }
    guard let champion else { return nil }
    let challenger = aliases.challenger.flatMap { $0 != champion.0 && usable.contains($0) ? $0 : nil }
    return VersionChoice(champion: champion.0, source: champion.1, challenger: challenger)
  }
}
