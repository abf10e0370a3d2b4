/// What was measured of a snapshot, beside the one that serves. Plain numbers: `GateReport(judging:…)` makes verdicts of
/// them. What is nil could not be measured, mostly because nothing serves yet.
struct GateFigures: Sendable, Equatable {
  /// Of so many asked.
  struct Share: Sendable, Equatable {
    var found = 0
    var asked = 0
    var value: Double { asked == 0 ? 0 : Double(found) / Double(asked) }
  }

  /// Of the lists of one kind of subject.
  struct Lists: Sendable, Equatable {
    var compared = 0
    /// Of their overlaps.
    var sum = 0.0
    var mean: Double { compared == 0 ? 0 : sum / Double(compared) }

    mutating func add(_ overlap: Double) {
      compared += 1
      sum += overlap
    }
  }

  /// Of two distributions.
  struct Distance: Sendable, Equatable {
    var value: Double
    /// Numbers of the smaller of both samples.
    var samples: Int
  }

  /// Of the sampled lists of users.
  struct Coverage: Sendable, Equatable {
    var lists = 0
    var differing = 0
    var places = 0
    var items = 0
    /// Lists cannot name more different items than they have places, or than there are.
    var share: Double { min(places, items) == 0 ? 0 : Double(differing) / Double(min(places, items)) }
  }

  var dimension = 0
  var items = 0
  /// The id of one whose vector, or whose score in a list, is not finite.
  var itemNotFinite: String?
  var probes = 0
  var probeRecall = 1.0
  var coverage = Coverage()
  var listsMade = 0
  var medianMicroseconds = 0.0
  var live: Live?

  /// What exists only beside a snapshot that serves.
  struct Live: Sendable, Equatable {
    var version = 0
    var dimension = 0
    var items = 0
    var itemsKept = Share()
    var usersKept = Share()
    var users = Lists()
    var windows = Lists()
    var segments = Lists()
    var similar = Lists()
    var userScores = Distance(value: 0, samples: 0)
    var windowScores = Distance(value: 0, samples: 0)
    var itemNorms = Distance(value: 0, samples: 0)
    var userNorms = Distance(value: 0, samples: 0)
    var coverage = Coverage()
    var medianMicroseconds = 0.0
  }
}

/// The share of the items of two lists that stand in both, of the longer one; 1 for two empty lists.
func overlap(_ one: [UInt64], _ other: [UInt64]) -> Double {
  let length = max(one.count, other.count)
  guard length > 0 else { return 1 }
  return Double(Set(one).intersection(other).count) / Double(length)
}

/// The Kolmogorov–Smirnov distance of two samples: the largest gap between their cumulative distributions, 0…1. Numbers
/// that are none are left out. O(n log n).
func kolmogorovSmirnov(_ one: [Float], _ other: [Float]) -> GateFigures.Distance {
  let (a, b) = (one.filter { !$0.isNaN }.sorted(), other.filter { !$0.isNaN }.sorted())
  guard !a.isEmpty, !b.isEmpty else { return .init(value: 0, samples: 0) }
  var (i, j, largest) = (0, 0, 0.0)
  while i < a.count, j < b.count {
    // All that are equal pass at once: between two equal numbers there is no gap to measure.
    let next = min(a[i], b[j])
    while i < a.count, a[i] == next { i += 1 }
    while j < b.count, b[j] == next { j += 1 }
    largest = max(largest, abs(Double(i) / Double(a.count) - Double(j) / Double(b.count)))
  }
  return .init(value: largest, samples: min(a.count, b.count))
}

/// The middle of some durations; 0 of none.
func medianMicroseconds(_ nanoseconds: [UInt64]) -> Double {
  nanoseconds.isEmpty ? 0 : Double(nanoseconds.sorted()[nanoseconds.count / 2]) / 1000
}
