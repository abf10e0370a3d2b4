/// What a repository says of one model at one moment.
public struct RepositoryListing: Sendable, Equatable {
  /// The committed versions whose manifests check out.
  public let versions: [Int: ModelIdentity]
  /// Why the others do not.
  public let faults: [Int: PublishError]
  public let aliases: Aliases
  /// What the aliases were read from, so that their signature can be checked; nil where there are none.
  public let aliasesFile: SignedFile?

  public init(
    versions: [ModelIdentity], faults: [Int: PublishError] = [:], aliases: Aliases, aliasesFile: SignedFile? = nil
  ) {
    self.versions = Dictionary(versions.map { ($0.version, $0) }, uniquingKeysWith: { first, _ in first })
    self.faults = faults
    self.aliases = aliases
    self.aliasesFile = aliasesFile
  }
}

/// Decides what a node does about its repository: no clock, no disk. The control loop tells it what it sees and what
/// became of its orders, and carries out the actions in their order.
///
/// Versions are told apart by identity, not by number: a repository that was rebuilt may use a number again.
public struct RepositoryWatcher: Sendable {
  public enum Action: Sendable, Equatable {
    /// Pull, verify, load and warm this version; then tell `loaded`, `rejected` or `failed`.
    case fetch(ModelIdentity)
    /// Make this loaded version the one that serves. The one before stays loaded until the node lets it go.
    case promote(ModelIdentity)
    /// Give this loaded version the challenger's share.
    case challenge(ModelIdentity)
    /// Take the challenger's share back.
    case demote(ModelIdentity)
    /// Say that this version, which the repository wants served, is older than what served here already: an alias that
    /// was pushed back, or newer versions that are gone (`rollback_refused`).
    case refuse(ModelIdentity)
  }

  public let model: String
  public private(set) var serving: ModelIdentity?
  /// What served before: where a rollback leads.
  public private(set) var previous: ModelIdentity?
  public private(set) var challenger: ModelIdentity?
  public private(set) var pinned: Int?
  /// The largest version that was champion on this node, where versions are signed: an older one serves only when an
  /// operator pins it, for its signature still holds. Nil where the repository is believed as it is.
  public private(set) var floor: Int?
  /// What the repository wants served and the floor forbids.
  public private(set) var refused: ModelIdentity?
  private var listing = RepositoryListing(versions: [], aliases: .none)
  private var loaded: Set<ModelIdentity> = []
  private var fetching: Set<ModelIdentity> = []
  private var rejected: Set<ModelIdentity> = []

  /// `serving`: a version that a node started with from its own disk.
  public init(model: String, serving: ModelIdentity? = nil, pinned: Int? = nil, floor: Int? = nil) {
    self.model = model
    self.serving = serving
    self.pinned = pinned
    self.floor = floor
    if let serving { loaded.insert(serving) }
  }

  /// The repository was read.
  public mutating func observe(_ listing: RepositoryListing) -> [Action] {
    self.listing = listing
    // What was rejected and is gone need not be remembered: the set stays as small as the repository.
    rejected.formIntersection(listing.versions.values)
    return plan()
  }

  /// A fetched version is READY.
  public mutating func loaded(_ identity: ModelIdentity) -> [Action] {
    fetching.remove(identity)
    loaded.insert(identity)
    return plan()
  }

  /// A fetched version is no good; it is not fetched again while it stays in the repository.
  public mutating func rejected(_ identity: ModelIdentity) -> [Action] {
    fetching.remove(identity)
    loaded.remove(identity)
    rejected.insert(identity)
    return plan()
  }

  /// A fetch failed for a reason that may pass; the next `observe` orders it again.
  public mutating func failed(_ identity: ModelIdentity) { fetching.remove(identity) }

  /// A version that does not serve was let go.
  public mutating func unloaded(_ identity: ModelIdentity) {
    precondition(identity != serving, "\(identity) serves")
    loaded.remove(identity)
    if challenger == identity { challenger = nil }
    if previous == identity { previous = nil }
  }

  /// An operator pins a version, or with nil lets go of the pin. A pin outweighs an earlier rejection: the version is
  /// fetched and judged once more.
  public mutating func pin(_ version: Int?) -> [Action] {
    pinned = version
    rejected = rejected.filter { $0.version != version }
    return plan()
  }

  /// An operator goes back to what served before: pinned, so that the next look at the repository does not undo it.
  public mutating func rollback() -> [Action] {
    guard let previous else { return [] }
    return pin(previous.version)
  }

  /// Other keys are trusted from now on, or none: what was rejected is judged once more.
  public mutating func judgeAnew(floor: Int?) -> [Action] {
    self.floor = floor
    rejected = []
    return plan()
  }

  /// Whether a version can be pinned: the repository has it, or this node has it loaded.
  public func knows(_ version: Int) -> Bool {
    listing.versions[version] != nil || loaded.contains { $0.version == version }
  }

  /// Loaded versions that nothing needs: neither serving nor tried nor the one a rollback leads to. Let them drain, then
  /// tell `unloaded`.
  public var surplus: [ModelIdentity] {
    let needed = [serving, challenger, previous]
    return loaded.filter { !needed.contains($0) && $0.version != pinned }.sorted { $0.version < $1.version }
  }

  private mutating func plan() -> [Action] {
    // A version that the repository dropped but this node still has loaded can be pinned: that is a rollback.
    var known = listing.versions
    for identity in loaded.sorted(by: { $0.version < $1.version }) where known[identity.version] == nil {
      known[identity.version] = identity
    }
    let usable = known.filter { !rejected.contains($0.value) && (listing.versions[$0.key] != nil || $0.key == pinned) }
    var actions: [Action] = []
    let allowed = aboveFloor(usable, &actions)
    guard
      let choice = VersionChoice.choose(
        usable: allowed.keys, aliases: aliases(atLeast: floor), pinned: pinned, serving: serving?.version)
    else { return actions }
    // `.serving` means: leave things as they are, even if the number now belongs to another build.
    if choice.source != .serving, let champion = usable[choice.champion], champion != serving {
      swap(to: champion, &actions)
    }
    // What served below the floor until now was allowed to go on, not to be tried.
    let challenger = choice.challenger.flatMap { $0 >= floor ?? 0 ? usable[$0] : nil }
    settle(challenger: challenger, &actions)
    return actions
  }

  /// The versions that may serve. What would serve if there were no floor is refused, once.
  private mutating func aboveFloor(
    _ usable: [Int: ModelIdentity], _ actions: inout [Action]
  ) -> [Int: ModelIdentity] {
    guard let floor else {
      refused = nil
      return usable
    }
    let allowed = usable.filter { $0.key >= floor || $0.key == pinned || $0.value == serving }
    let wished = VersionChoice.choose(
      usable: usable.keys, aliases: listing.aliases, pinned: pinned, serving: serving?.version)
    let forbidden = [wished?.champion, wished?.challenger].compactMap(\.self).first { allowed[$0] == nil }
    let before = refused
    refused = forbidden.flatMap { usable[$0] }
    if let refused, refused != before { actions.append(.refuse(refused)) }
    return allowed
  }

  /// The aliases. On a node that serves nothing yet a champion below the floor is read as the floor: what served last is
  /// the nearest to what is wanted.
  private func aliases(atLeast floor: Int?) -> Aliases {
    guard serving == nil, let floor, let champion = listing.aliases.champion, champion < floor else {
      return listing.aliases
    }
    return listing.aliases.setting(Aliases.champion, to: floor)
  }

  private mutating func swap(to champion: ModelIdentity, _ actions: inout [Action]) {
    guard loaded.contains(champion) else { return fetch(champion, &actions) }
    if challenger == champion {
      actions.append(.demote(champion))
      challenger = nil
    }
    actions.append(.promote(champion))
    previous = serving ?? previous
    serving = champion
    floor = floor.map { max($0, champion.version) }
  }

  private mutating func settle(challenger next: ModelIdentity?, _ actions: inout [Action]) {
    let next = next == serving ? nil : next
    guard next != challenger else { return }
    if let challenger {
      actions.append(.demote(challenger))
      self.challenger = nil
    }
    guard let next else { return }
    guard loaded.contains(next) else { return fetch(next, &actions) }
    actions.append(.challenge(next))
    challenger = next
  }

  private mutating func fetch(_ identity: ModelIdentity, _ actions: inout [Action]) {
    if fetching.insert(identity).inserted { actions.append(.fetch(identity)) }
  }
}
