public import Publishing

/// What a snapshot has to come up to before it may serve; in the order in which they are looked at. The names stand in
/// reports, metrics and logs and do not change.
public enum Gate: String, Sendable, Hashable, CaseIterable, Codable {
  case signature, digests, structure
  case finiteValues = "finite_values"
  case dimension
  case itemCount = "item_count"
  case memory
  case probeRecall = "probe_recall"
  case itemsKept = "items_kept"
  case usersKept = "users_kept"
  case overlapUsers = "overlap_users"
  case overlapWindows = "overlap_windows"
  case overlapSegments = "overlap_segments"
  case overlapItems = "overlap_items"
  case scoreDistanceUsers = "score_distance_users"
  case scoreDistanceWindows = "score_distance_windows"
  case normDistanceItems = "norm_distance_items"
  case normDistanceUsers = "norm_distance_users"
  case coverage
  case coverageRatio = "coverage_ratio"
  case latency
  case latencyRatio = "latency_ratio"

  /// The code of a version that fails here.
  public var reason: RejectReason {
    switch self {
    case .signature: .signatureInvalid
    case .digests: .digestMismatch
    case .structure: .tensorInvalid
    case .finiteValues: .nonFiniteValues
    case .dimension: .dimensionChanged
    case .itemCount, .itemsKept: .itemCountDrop
    case .memory: .notEnoughMemory
    case .probeRecall: .probeFailed
    default: .gateFailed
    }
  }

  /// Whether it compares with the snapshot that serves. Such a gate is lifted by `gates.compare: report` and by a pin; the
  /// others keep out what cannot serve at all.
  var comparesWithLive: Bool {
    switch self {
    case .signature, .digests, .structure, .finiteValues, .memory, .probeRecall, .coverage, .latency: false
    default: true
    }
  }

  /// What its value is, for the metrics page.
  var meaning: String {
    switch self {
    case .signature: "1 when the manifest's signature holds or none is asked for."
    case .digests: "Sections whose SHA-256 is that of the manifest."
    case .structure: "Sections that read as parts of a model."
    case .finiteValues: "1 when every number of the snapshot and every score of the sampled lists is finite."
    case .dimension: "Numbers in a vector."
    case .itemCount: "Items beside those of the snapshot that served, as a ratio."
    case .memory: "Bytes that the snapshot needs beside those that are free, as a ratio."
    case .probeRecall: "Share of the exact answers to the snapshot's own probes that its index finds."
    case .itemsKept: "Share of the sampled items that served which are still there."
    case .usersKept: "Share of the sampled users that were known which still are."
    case .overlapUsers: "Mean share of a known user's first 20 items that both snapshots name."
    case .overlapWindows: "Mean share of the first 20 items after a window that both snapshots name."
    case .overlapSegments: "Mean share of the first 20 items of users' segments that both snapshots name."
    case .overlapItems: "Mean share of the first 20 similar items that both snapshots name."
    case .scoreDistanceUsers: "Kolmogorov-Smirnov distance of the scores in known users' lists to those before."
    case .scoreDistanceWindows: "Kolmogorov-Smirnov distance of the scores in lists after windows to those before."
    case .normDistanceItems: "Kolmogorov-Smirnov distance of the lengths of item vectors to those before."
    case .normDistanceUsers: "Kolmogorov-Smirnov distance of the lengths of user vectors to those before."
    case .coverage: "Different items in sampled lists, beside their places or the catalogue, whichever is less."
    case .coverageRatio: "Different items in sampled lists beside those of the snapshot that served."
    case .latency: "Median seconds that making a list took on this node."
    case .latencyRatio: "The same beside the snapshot that served, as a ratio."
    }
  }
}
