/// Who asks for what: a file of `LoadTests/Workloads`, read by `Workload(yaml:)`.
public struct Workload: Sendable, Equatable {
  public var name: String
  /// A sentence for people.
  public var about = ""
  public var users = Population()
  public var items = Population(prefix: "b", digits: 4, count: 2_000)
  /// At least one.
  public var requests: [RequestTemplate]
  /// One after the other, then from the beginning; none is one endless phase without changes.
  public var phases: [Phase] = []
  public var clicks: ClickModel?

  public init(name: String, requests: [RequestTemplate]) {
    self.name = name
    self.requests = requests
  }
}

/// Numbered ids, and which of them are asked for.
public struct Population: Sendable, Equatable {
  public enum Distribution: String, Sendable, CaseIterable {
    /// Rank k with probability ∝ k^-exponent; a rank's id is scattered over the population.
    case zipf
    case uniform
    /// One after the other, so that each is met once before any is met again.
    case cycle
  }

  /// id = prefix + number with leading zeros to `digits`. The defaults are those of `needletail quickstart`.
  public var prefix = "u"
  public var digits = 4
  public var first = 1
  public var count = 3_000
  public var distribution = Distribution.zipf
  public var exponent = 0.99
  /// Every so often the hottest ranks go to other ids; 0 is never.
  public var churnEverySeconds = 0.0
  /// Share of the ranks that a churn moves on.
  public var churnShare = 0.1
  /// Share of the requests that come from somebody nobody knows: ids that occur once.
  public var unknownShare = 0.0

  public init() {}

  public init(prefix: String, digits: Int, count: Int) {
    self.prefix = prefix
    self.digits = digits
    self.count = count
  }
}

/// One kind of request of a workload's mix.
public struct RequestTemplate: Sendable, Equatable {
  public enum Subject: String, Sendable, CaseIterable {
    case user, item, anonymous
  }

  /// One placement's list within a request: a plain request has one, a batch several.
  public struct List: Sendable, Equatable {
    public var placement = "home"
    public var subject = Subject.user
    /// Sent as `numResults`, and expected; nil leaves both to the server.
    public var results: Int?

    public init() {}
  }

  public var name: String
  public var weight = 1.0
  public var lists: [List]
  public var isBatch = false
  /// Added to the query: `filter=category:Comedy`; `{user}`, `{item}` and `{n}` (the request's number) are replaced.
  public var query = ""
  /// A raw target instead of a placement's list: any 2xx is good, and no body is looked at. For peers.
  public var target: String?

  public init(name: String, lists: [List]) {
    self.name = name
    self.lists = lists
  }
}

/// A stretch of time in which the workload is different.
public struct Phase: Sendable, Equatable {
  public var seconds: Double
  /// The offered rate is multiplied by this.
  public var rate = 1.0
  /// Instead of the workload's.
  public var users: Population?
  public var items: Population?
  public var requests: [RequestTemplate]?

  public init(seconds: Double) { self.seconds = seconds }
}

/// What people do with a list: they look at it from the top, and click on what is relevant to them.
///
/// A user examines place k (from 1) with probability k^-positionBias and clicks with probability
/// examination × clickRate × relevance. Relevance is the item's own, from a file of `itemId,relevance` lines, 0…1; without a
/// file it is the score that the answer gave, which measures the server's load and says nothing of its quality.
public struct ClickModel: Sendable, Equatable {
  public var positionBias = 1.0
  public var clickRate = 0.3
  public var relevancePath: String?
  /// Share of the lists that are seen at all.
  public var seenShare = 1.0
  /// From the answer to the events about it.
  public var delaySeconds = 0.2
  public var sendsImpressions = true

  public init() {}
}

extension Workload {
  /// What is asked for without a file: `needletail quickstart`'s users by Zipf's law, nine items of home.
  public static var standard: Workload {
    var list = RequestTemplate.List()
    list.results = 9
    return Workload(name: "standard", requests: [RequestTemplate(name: "home", lists: [list])])
  }
}
