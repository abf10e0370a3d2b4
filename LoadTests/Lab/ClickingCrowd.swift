internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// Users of a `TasteCatalogue` at a gateway: each asks for a list, sees it, clicks what it likes, and tells. As fast as
/// the gateway answers, or at a rate; a few threads with a connection each.
public final class ClickingCrowd: Sendable {
  public struct Side: Sendable {
    public var impressions = 0
    public var clicks = 0
    public var users: Set<Int> = []

    public init() {}

    public var clickThrough: Double { impressions > 0 ? Double(clicks) / Double(impressions) : 0 }
  }

  public struct Report: Sendable {
    /// By the version that answered.
    public var sides: [Int: Side] = [:]
    public var answers = 0
    /// Answers that were none of 200 or 202.
    public var wrong = 0
    /// Users who were answered by an older version after a newer one.
    public var back = 0
    public var complaint: String?

    public init() {}
  }

  private struct State {
    var report = Report()
    var newest: [Int: Int] = [:]
    var running = 0
  }

  static let listItems = 10
  /// Pages whose events are sent together.
  static let pagesABatch = 20

  private let taste: TasteClicks
  private let port: Int
  private let secondsAPage: Double
  private let runTag: String
  private let stopping = Atomic(false)
  private let state = Mutex(State())

  /// - Parameter pagesPerSecond: over all threads.
  public init(_ taste: TasteClicks, port: Int, pagesPerSecond: Double, threads: Int = 4, seed: UInt64) {
    (self.taste, self.port) = (taste, port)
    secondsAPage = Double(threads) / pagesPerSecond
    runTag = "\(getpid())-\(seed)"
    state.withLock { $0.running = threads }
    for thread in 0..<threads {
      onThread { [self] in
        live(thread, CatalogueRandom(seed: seed &* 1_000 &+ UInt64(thread)))
        state.withLock { $0.running -= 1 }
      }
    }
  }

  public var report: Report { state.withLock { $0.report } }

  /// Ends it and says what it saw.
  public func stop() -> Report {
    stopping.store(true, ordering: .releasing)
    while state.withLock({ $0.running }) > 0 { usleep(2000) }
    return report
  }

  private func live(_ thread: Int, _ first: CatalogueRandom) {
    var random = first
    let connection = KeptConnection(port: port)
    var due = monotonicSeconds()
    var page = 0
    var events: [String] = []
    while !stopping.load(ordering: .acquiring) {
      let user = random.below(taste.userCount)
      let target = "/v1/placements/home/recommendations?userId=\(user)&numResults=\(Self.listItems)"
      guard let answer = connection.ask("GET", target), answer.status == 200, let list = SeenList(answer.body) else {
        note(wrong: "GET \(target)")
        continue
      }
      var clicked: [Int] = []
      for (place, item) in list.items.enumerated()
      where random.unit() < taste.chance(user: user, item: item, place: place) { clicked.append(place) }
      note(list, user, clicks: clicked.count)
      list.tell(user, clicked, tag: "\(runTag)-\(thread)-\(page)", into: &events)
      page += 1
      if page % Self.pagesABatch == 0 {
        let body = "{\"events\":[\(events.joined(separator: ","))]}"
        if connection.ask("POST", "/v1/events", body)?.status != 202 { note(wrong: "POST /v1/events") }
        events = []
      }
      due += secondsAPage
      let wait = due - monotonicSeconds()
      // Who is behind does not hurry: the gateway is not what is measured here.
      if wait > 0 { pause(seconds: wait) } else { due = monotonicSeconds() }
    }
  }

  private func note(_ list: SeenList, _ user: Int, clicks: Int) {
    state.withLock { state in
      state.report.answers += 1
      state.report.sides[list.version, default: Side()].impressions += list.items.count
      state.report.sides[list.version]!.clicks += clicks
      state.report.sides[list.version]!.users.insert(user)
      if list.version < state.newest[user, default: 0] { state.report.back += 1 }
      state.newest[user] = list.version
    }
  }

  private func note(wrong what: String) {
    state.withLock {
      $0.report.wrong += 1
      $0.report.complaint = $0.report.complaint ?? what
    }
    pause(seconds: 0.05)
  }
}

/// A list as its reader sees it.
private struct SeenList {
  let recommendationID: String
  let version: Int
  /// Rows of the catalogue.
  let items: [Int]

  init?(_ body: String) {
    struct Answer: Decodable {
      struct Item: Decodable { let itemId: String }
      struct Model: Decodable { let version: Int }
      let recommendationId: String
      let items: [Item]
      let model: Model?
    }
    guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body.utf8)), let model = answer.model else {
      return nil
    }
    (recommendationID, version) = (answer.recommendationId, model.version)
    items = answer.items.compactMap { Int($0.itemId) }
  }

  /// Appends the events of a page.
  func tell(_ user: Int, _ clicked: [Int], tag: String, into events: inout [String]) {
    guard !items.isEmpty else { return }
    let shown = items.map { "\"\($0)\"" }.joined(separator: ",")
    let who = "\"userId\":\"\(user)\",\"recommendationId\":\"\(recommendationID)\""
    events.append(
      "{\"eventId\":\"\(tag)\",\"eventType\":\"impression\",\(who),\"impression\":[\(shown)]}")
    for place in clicked {
      events.append(
        "{\"eventId\":\"\(tag)-\(place)\",\"eventType\":\"click\",\(who),\"itemId\":\"\(items[place])\","
          + "\"position\":\(place + 1)}")
    }
  }
}
