/// One recommendation request on its way from question to answer.
///
/// Read this file first: it is the recipe. It decides and nothing else; `Worker` does what the returned action says and
/// comes back with the next event. No I/O, no clock, no list bytes pass through here.
///
///     begin ─► window? ─► which list? ─► L1 ─► memcached ─► compute ─► answer
///                 └────────────┴──────────┴────────┴── deadline ─► the segment's trending list, then everyone's
struct Exchange: Sendable, Equatable {
  /// Which stored list could answer; `Worker` knows the key of each.
  enum List: Sendable, Equatable { case item, user, segment }

  /// What the request asks for, as far as the request, the snapshot and the placement say.
  struct Question: Sendable, Equatable {
    var scope: Scope
    /// A snapshot serves this placement's model.
    var hasModel = true
    /// The placement is `trending`: its own list is the popular one.
    var wantsTrending = false
    var item: Asked = .no
    var user: Asked = .no
    var segment: Asked = .no
  }

  enum Scope: Sendable, Equatable { case segment, user, auto }

  /// Whether the request names something, and whether the snapshot knows it.
  enum Asked: Sendable, Equatable { case no, known, unknown }

  /// What is known of the user's last interactions.
  enum WindowState: Sendable, Equatable { case empty, some, unavailable }

  enum Action: Sendable, Equatable {
    /// Fetch the user's window; the segment's list may travel in the same batch.
    case fetchWindow
    /// Find the list in L1, then memcached, then compute it.
    case find(List)
    case answer(Answer)
    /// Something is on its way; come back when it is there.
    case wait
  }

  struct Answer: Sendable, Equatable {
    var source: Source
    var tier: Tier
    var fallback: Fallback?
  }

  /// Where the items come from.
  enum Source: Sendable, Equatable { case list(List), trending, nothing }

  private enum Stage: Sendable, Equatable { case start, window, list(List), answered }

  let question: Question
  private var stage = Stage.start
  /// Why the subject that was asked for cannot be the one that answers.
  private(set) var reason: FallbackReason?

  init(_ question: Question) { self.question = question }

  var isAnswered: Bool { stage == .answered }
  var awaitsWindow: Bool { stage == .window }

  /// The placement is found and the request is valid: what first?
  mutating func begin() -> Action {
    guard question.hasModel else { return answer(.nothing, .popular, because: .modelUnavailable) }
    if question.wantsTrending { return answer(.trending, .popular, because: nil) }
    switch question.item {
    case .known: return find(.item)
    case .unknown: return answer(.trending, .popular, because: .unknownItem)
    case .no: break
    }
    if question.segment == .unknown { reason = .unknownSegment }
    guard question.user != .no, question.scope != .segment else { return findSegment() }
    stage = .window
    return .fetchWindow
  }

  /// The window has come, or cannot come.
  mutating func windowKnown(_ window: WindowState) -> Action {
    guard stage == .window else { return .wait }
    if window == .some { return find(.user) }
    if question.scope == .user {
      if question.user == .known { return find(.user) }
      reason = window == .unavailable ? .cacheUnavailable : .unknownUser
    }
    return findSegment()
  }

  /// A list that was looked for is here. `because`: it is not quite the one, but the better one cannot be had now.
  mutating func found(_ list: List, at tier: Tier, because cause: FallbackReason? = nil) -> Action {
    guard stage == .list(list) else { return .wait }
    return answer(.list(list), tier, because: reason ?? cause)
  }

  /// A list that was looked for cannot be had. The filter leaves nothing of it; or nothing is known of its user: the
  /// window holds only what the snapshot does not, and the segment's list is the next best.
  mutating func missing(_ list: List, because cause: FallbackReason) -> Action {
    guard stage == .list(list) else { return .wait }
    if list == .user && cause == .unknownUser {
      reason = .unknownUser
      return find(.segment)
    }
    return answer(.trending, .popular, because: cause)
  }

  /// Time is up, or the gateway is too busy to go on. A stale list would have answered at once, so none is at hand.
  mutating func cutShort(because cause: FallbackReason) -> Action {
    guard stage != .answered else { return .wait }
    return answer(.trending, .popular, because: cause)
  }

  private mutating func findSegment() -> Action {
    if question.user == .unknown && reason == nil && question.segment == .no { reason = .unknownUser }
    return find(.segment)
  }

  private mutating func find(_ list: List) -> Action {
    stage = .list(list)
    return .find(list)
  }

  private mutating func answer(_ source: Source, _ tier: Tier, because reason: FallbackReason?) -> Action {
    stage = .answered
    return .answer(
      Answer(source: source, tier: tier, fallback: reason.map { Fallback(reason: $0, source: source, tier: tier) }))
  }
}

/// Where an answer came from: the same words in config, `Cache-Status`, metrics and the load kit.
enum Tier: UInt8, Sendable, CaseIterable {
  case l1, l2, computed, stale, popular

  var name: StaticString {
    switch self {
    case .l1: "l1"
    case .l2: "l2"
    case .computed: "computed"
    case .stale: "stale"
    case .popular: "popular"
    }
  }
}

/// Why the list that was asked for could not answer.
enum FallbackReason: UInt8, Sendable, CaseIterable {
  case unknownUser, unknownItem, unknownSegment, modelUnavailable, deadlineExceeded, overloaded, cacheUnavailable
  case filterEmpty

  var name: StaticString {
    switch self {
    case .unknownUser: "unknown_user"
    case .unknownItem: "unknown_item"
    case .unknownSegment: "unknown_segment"
    case .modelUnavailable: "model_unavailable"
    case .deadlineExceeded: "deadline_exceeded"
    case .overloaded: "overloaded"
    case .cacheUnavailable: "cache_unavailable"
    case .filterEmpty: "filter_empty"
    }
  }

  /// Whether the same request may be answered as asked a moment later: the gateway's trouble, not the request's.
  var willPass: Bool {
    switch self {
    case .modelUnavailable, .deadlineExceeded, .overloaded, .cacheUnavailable: true
    case .unknownUser, .unknownItem, .unknownSegment, .filterEmpty: false
    }
  }
}

/// What a client reads about an answer that is not the one it asked for.
struct Fallback: Sendable, Equatable {
  enum Source: UInt8, Sendable, CaseIterable {
    case segment, stale, neighbors, popular, `static`

    var name: StaticString {
      switch self {
      case .segment: "segment"
      case .stale: "stale"
      case .neighbors: "neighbors"
      case .popular: "popular"
      case .static: "static"
      }
    }
  }

  let reason: FallbackReason
  let source: Source

  init(reason: FallbackReason, source: Source) {
    self.reason = reason
    self.source = source
  }

  init(reason: FallbackReason, source: Exchange.Source, tier: Tier) {
    self.reason = reason
    self.source =
      switch source {
      case .nothing: .static
      case .trending: .popular
      case .list: tier == .stale ? .stale : .segment
      }
  }
}
