/// What a packing found and made.
public struct PackReport: Sendable {
  public let items, users, dimension: Int
  /// Users in each segment.
  public let segmentSizes: [Int]
  /// Sentences on what was left out, and on what nobody gave and what stands in for it.
  public let notes: [String]
  public let snapshotPath: String
  public let snapshotBytes: Int
  /// By phase, in order.
  public let seconds: [(phase: TrainProgress.Phase, seconds: Double)]
  /// The most memory the process held, this run or earlier.
  public let peakMegabytes: Int

  /// Some lines for people.
  public var summary: String {
    var lines = ["packed \(items) items, \(users) users, \(segmentSizes.count) segments, \(dimension) dimensions"]
    lines += notes
    let times = seconds.map { "\($0.phase.title) \(fixed($0.seconds, 1)) s" }.joined(separator: ", ")
    lines.append("\(times); at most \(peakMegabytes) MB of memory")
    lines.append("\(snapshotPath): \(snapshotBytes) bytes")
    return lines.joined(separator: "\n")
  }
}
