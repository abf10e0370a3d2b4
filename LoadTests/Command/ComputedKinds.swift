import LoadGenerator
import LoadLab

/// A kind of request whose lists no cache holds.
struct RequestKind {
  let name: String
  /// A heading.
  let title: String
  let workload: Workload
  /// Of the rate: what costs a worker four times as much is asked for a quarter as often, or most of it would be shed.
  let rateShare: Double

  /// Everybody is asked for as often as anybody else: nothing about them is in a processor's cache.
  static func all(items: Int, users: Int) -> [RequestKind] {
    var home = RequestTemplate.List()
    home.results = 20
    var detail = home
    detail.placement = "detail"
    detail.subject = .item
    let filtered = (0..<TasteCatalogue.categories).map { category in
      var template = RequestTemplate(name: "filtered", lists: [home])
      template.query = "filter=category:\(TasteCatalogue.category(category))"
      return template
    }
    let kinds = [
      ("user", "A user's list", [RequestTemplate(name: "user", lists: [home])], 1.0),
      ("similar", "Items like one", [RequestTemplate(name: "similar", lists: [detail])], 0.5),
      ("filtered", "A user's list out of one category", filtered, 0.25),
    ]
    return kinds.map { name, title, requests, rateShare in
      var work = Workload(name: name, requests: requests)
      work.users = rows(users)
      work.items = rows(items)
      return RequestKind(name: name, title: title, workload: work, rateShare: rateShare)
    }
  }

  /// Ids that are row numbers.
  private static func rows(_ count: Int) -> Population {
    var population = Population(prefix: "", digits: 1, count: count)
    population.first = 0
    population.distribution = .uniform
    return population
  }
}

/// What came to the stages' histograms between two pages.
struct StageFigures {
  /// The whole of a list's making, by its label.
  static let whole = "compute"
  static let stages = ["prepare", "rules", "search", "features", "diversity", "render", whole]
  private var histograms: [String: MetricsHistogram] = [:]

  init(before: MetricsText, after: MetricsText) throws {
    for stage in Self.stages {
      let family = "needletail_" + (stage == Self.whole ? "stage" : "compute_stage") + "_duration_seconds"
      guard let first = before.histogram(family, ["stage": stage]), let last = after.histogram(family, ["stage": stage])
      else { throw LabError.trouble("the metrics page has no \(family) of stage \(stage): an older gateway?") }
      histograms[stage] = last.since(first)
    }
  }

  subscript(stage: String) -> MetricsHistogram { histograms[stage]! }
}
