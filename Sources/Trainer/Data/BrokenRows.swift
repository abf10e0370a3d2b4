/// The rows of a file that could not be used: how many, and the first few with their line and reason.
public struct BrokenRows: Sendable, Equatable {
  public struct Row: Sendable, Equatable, CustomStringConvertible {
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
  }

  /// How many rows are kept to be shown.
  public static let shownMax = 5
  /// The share of broken rows that is tolerated unless an option says otherwise.
  public static let defaultShareMax = 0.01

  public private(set) var count = 0
  public private(set) var first: [Row] = []

  mutating func add(line: Int, _ reason: @autoclosure () -> String) {
    count += 1
    if first.count < Self.shownMax { first.append(Row(line: line, reason: reason())) }
  }

  /// How many of `rows` rows may be broken: the share, but in a small file up to five as long as they are no more than
  /// a tenth, because a single slip in a hand-made file of fifty rows is no reason to refuse it. A share of 0 means 0.
  public static func allowed(of rows: Int, shareMax: Double) -> Int {
    guard shareMax > 0 else { return 0 }
    return max(Int(Double(rows) * shareMax), min(shownMax, rows / 10))
  }

  /// Refuses a file of `rows` rows when too many of them are broken.
  func check(of rows: Int, shareMax: Double, path: String) throws(TrainError) {
    let allowed = Self.allowed(of: rows, shareMax: shareMax)
    guard count > allowed else { return }
    throw TrainError(
      .badInput,
      "\(path): \(count) of \(rows) rows are broken, \(allowed) would be tolerated\n"
        + first.map { "  \($0)" }.joined(separator: "\n"))
  }
}
