internal import Retrieval
internal import Snapshots

/// How a snapshot answered the queries that it brings.
public struct ProbeReport: Sendable, Equatable {
  /// Queries asked.
  public let probes: Int
  /// Mean share of the exact answers that the search found, 0…1; 1 without probes.
  public let recall: Double

  /// Below, a snapshot is rejected with `probe_failed`: the search is set to 0.95.
  public static let recallMin = 0.85
  public var passed: Bool { recall >= Self.recallMin }
}

extension ServingModel {
  /// Asks the snapshot's own queries: warms memory, and proves that index and vectors belong together. Some ten
  /// milliseconds.
  public func checkProbes(_ scratch: ComputeScratch) -> ProbeReport {
    var found = 0
    for probe in 0..<probes.count { found += foundAnswers(probe, scratch) }
    let answers = probes.count * probes.answers
    return ProbeReport(probes: probes.count, recall: answers == 0 ? 1 : Double(found) / Double(answers))
  }

  /// Answers whose exact score reaches that of the last exact answer, so that ties may go either way. The scores of the
  /// search itself are approximate, and a broken index would give any.
  private func foundAnswers(_ probe: Int, _ scratch: ComputeScratch) -> Int {
    let query = probes.query(probe)
    guard (try? index.search(query.span, count: probes.answers, effort: .recall95, scratch: scratch.search)) != nil
    else { return 0 }
    let search = scratch.search
    let hits = search.hits
    // Scores are sums of rounded products: another processor may add them in another order.
    let last = probes.lastScore(probe)
    let least = last - abs(last) * 1e-5
    var found = 0
    for place in hits.indices where index.score(of: hits[place].item, for: query.span) >= least { found += 1 }
    return min(found, probes.answers)
  }
}
