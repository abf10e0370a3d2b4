/// What a repository says of one model at one moment.
public struct RepositoryListing: Sendable, Equatable {
  /// The committed versions whose manifests check out.
  public let versions: [Int: ModelIdentity]
  /// Why the others do not.
  public let faults: [Int: PublishError]
  public let aliases: Aliases
  /// The bytes that the aliases were read from, with their signature; nil where there is no such file.
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

  /// A challenger takes a champion's place on this node. Holds while the repository names these two as it did; whatever
  /// is published or moved after it is newer news.
  public struct Promotion: Sendable, Equatable {
    public let challenger: ModelIdentity
    /// The version that would serve without it.
    public let over: Int
    /// An operator went back to that: neither champion nor tried again.
    public private(set) var isUndone: Bool

    public init(challenger: ModelIdentity, over: Int, isUndone: Bool = false) {
      self.challenger = challenger
      self.over = over
      self.isUndone = isUndone
    }

    fileprivate mutating func undo() { isUndone = true }
  }

  public let model: String
  public private(set) var serving: ModelIdentity?
  /// What served before: where a rollback leads. Loaded, or on the node's disk.
  public private(set) var previous: ModelIdentity?
  public private(set) var challenger: ModelIdentity?
  public private(set) var pinned: Int?
  /// The largest version that was champion on this node, where versions are signed: an older one serves only when an
  /// operator pins it, for its signature still holds. Nil where the repository is believed as it is.
  public private(set) var floor: Int?
  /// What the repository wants served and the floor forbids.
  public private(set) var refused: ModelIdentity?
  /// A challenger that this node has made its champion, while the repository still says otherwise.
  public private(set) var promotion: Promotion?
  private var listing = RepositoryListing(versions: [], aliases: .none)
  private var loaded: Set<ModelIdentity> = []
  private var fetching: Set<ModelIdentity> = []
  private var rejected: Set<ModelIdentity> = []

  /// `serving`: a version that a node started with from its own disk; `previous`: what served before that and lies there,
  /// not loaded; `pinned`: what an operator had pinned.
  public init(
    model: String, serving: ModelIdentity? = nil, previous: ModelIdentity? = nil, pinned: Int? = nil, floor: Int? = nil
  ) {
    self.model = model
    self.serving = serving
    self.previous = previous
    self.pinned = pinned
    self.floor = floor
    if let serving { loaded.insert(serving) }
  }

  /// The repository was read.
  public mutating func observe(_ listing: RepositoryListing) -> [Action] {
    self.listing = listing
    // What was rejected and is gone need not be remembered: the set stays as small as the repository. What cannot be read
    // at the moment is not gone.
    rejected = rejected.filter { listing.versions[$0.version] == $0 || listing.faults[$0.version] != nil }
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
    if previous == identity { previous = nil }
    rejected.insert(identity)
    return plan()
  }

  /// A fetch failed for a reason that may pass; the next `observe` orders it again.
  public mutating func failed(_ identity: ModelIdentity) { fetching.remove(identity) }

  /// A version that does not serve was let go. A rollback still leads to the one before, from the disk.
  public mutating func unloaded(_ identity: ModelIdentity) {
    precondition(identity != serving, "\(identity) serves")
    loaded.remove(identity)
    if challenger == identity { challenger = nil }
  }

  /// An operator pins a version, or with nil lets go of the pin. A pin outweighs an earlier rejection: the version is
  /// fetched and judged once more.
  public mutating func pin(_ version: Int?) -> [Action] {
    pinned = version
    if version == promotion?.over { promotion?.undo() }
    rejected = rejected.filter { $0.version != version }
    return plan()
  }

  /// Other keys are trusted from now on, or none: what was rejected is judged once more, but for what people rejected by
  /// their clicks (`keeping`).
  public mutating func judgeAnew(floor: Int?, keeping: Set<ModelIdentity> = []) -> [Action] {
    self.floor = floor
    rejected.formIntersection(keeping)
    return plan()
  }

  /// The challenger has proven itself: it serves. Nothing when there is none.
  public mutating func promoteChallenger() -> [Action] {
    guard let challenger else { return [] }
    // A pin of the champion would outlive it: who promotes takes it back.
    pinned = nil
    promotion = nil
    guard let choice = choice(among: allowed(usable)) else { return [] }
    promotion = Promotion(challenger: challenger, over: choice.champion)
    return plan()
  }

  /// What a process before this one had decided.
  public mutating func restore(_ promotion: Promotion?, rejected: [ModelIdentity]) {
    self.promotion = promotion
    self.rejected.formUnion(rejected)
    loaded.subtract(rejected)
  }

  /// An operator has a rejected version judged once more.
  public mutating func readmit(_ version: Int) -> [Action] {
    rejected = rejected.filter { $0.version != version }
    if promotion?.challenger.version == version { promotion = nil }
    return plan()
  }

  /// Whether a version can be pinned: the repository has it, or this node has it loaded.
  public func knows(_ version: Int) -> Bool {
    listing.versions[version] != nil || loaded.contains { $0.version == version } || previous?.version == version
  }

  /// What may be chosen.
  private var usable: [Int: ModelIdentity] {
    // A version that the repository dropped but this node still has can be pinned: that is a rollback.
    var known = listing.versions
    let own = loaded.union([previous].compactMap { $0 })
    for identity in own.sorted(by: { $0.version < $1.version }) where known[identity.version] == nil {
      known[identity.version] = identity
    }
    return known.filter { !rejected.contains($0.value) && (listing.versions[$0.key] != nil || $0.key == pinned) }
  }

  private func choice(among usable: [Int: ModelIdentity]) -> VersionChoice? {
    VersionChoice.choose(
      usable: usable.keys, aliases: aliasesAboveFloor, pinned: pinned, serving: serving?.version)
  }

  private mutating func plan() -> [Action] {
    let usable = usable
    var actions: [Action] = []
    refuseWhatIsBelowFloor(usable, &actions)
    guard let choice = promoted(choice(among: allowed(usable)), usable) else {
      // Nothing to choose from any more. A verdict holds all the same.
      if let challenger, rejected.contains(challenger) { settle(challenger: nil, &actions) }
      return actions
    }
    // `.serving` means: leave things as they are, even if the number now belongs to another build.
    if choice.source != .serving, let champion = usable[choice.champion], champion != serving {
      swap(to: champion, &actions)
    }
    raiseFloor(by: choice)
    // What served below the floor until now was allowed to go on, not to be tried.
    let challenger = choice.challenger.flatMap { $0 >= floor ?? 0 ? usable[$0] : nil }
    settle(challenger: challenger, &actions)
    return actions
  }

  // MARK: The floor.

  /// The versions that may serve.
  private func allowed(_ usable: [Int: ModelIdentity]) -> [Int: ModelIdentity] {
    guard let floor else { return usable }
    return usable.filter { $0.key >= floor || $0.key == pinned || $0.value == serving }
  }

  /// What would serve if there were no floor is refused, once.
  private mutating func refuseWhatIsBelowFloor(_ usable: [Int: ModelIdentity], _ actions: inout [Action]) {
    let allowed = allowed(usable)
    let wished = VersionChoice.choose(
      usable: usable.keys, aliases: listing.aliases, pinned: pinned, serving: serving?.version)
    let forbidden = [wished?.champion, wished?.challenger].compactMap(\.self).first { allowed[$0] == nil }
    let before = refused
    refused = forbidden.flatMap { usable[$0] }
    if let refused, refused != before { actions.append(.refuse(refused)) }
  }

  /// The aliases. On a node that serves nothing yet a champion below the floor is read as the floor: what served last is
  /// the nearest to what is wanted.
  private var aliasesAboveFloor: Aliases {
    guard serving == nil, let floor, let champion = listing.aliases.champion, champion < floor else {
      return listing.aliases
    }
    return listing.aliases.setting(Aliases.champion, to: floor)
  }

  /// A champion by the repository's word or an operator's raises the floor; a challenger that this node alone promoted
  /// does not, so that it can be taken back.
  private mutating func raiseFloor(by choice: VersionChoice) {
    guard let floor, choice.source != .promoted, choice.source != .serving, serving?.version == choice.champion else {
      return
    }
    self.floor = max(floor, choice.champion)
  }

  // MARK: What this node decided.

  /// The choice, unless this node has promoted the challenger of just this choice, or taken that back.
  private mutating func promoted(_ choice: VersionChoice?, _ usable: [Int: ModelIdentity]) -> VersionChoice? {
    guard let choice, let promotion else { return choice }
    guard choice.champion == promotion.over, let challenger = choice.challenger,
      usable[challenger] == promotion.challenger
    else {
      self.promotion = nil
      return choice
    }
    return promotion.isUndone
      ? VersionChoice(champion: choice.champion, source: choice.source, challenger: nil)
      : VersionChoice(champion: challenger, source: .promoted, challenger: nil)
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
