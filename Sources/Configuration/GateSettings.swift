/// What a snapshot must come up to before it may serve. Shares and distances are 0…1.
public struct GateSettings: Sendable, Equatable {
  /// Whether a snapshot that differs too much from the live one is rejected.
  public var comparesStrictly: Bool
  public var samples: Int
  public var budgetMilliseconds: Int
  public var memoryReserveBytes: Int
  public var dimensionMayChange: Bool
  public var itemDropMax: Double
  public var itemsKeptMin, usersKeptMin: Double
  public var probeRecallMin: Double
  public var overlapUsersMin, overlapWindowsMin, overlapSegmentsMin, overlapItemsMin: Double
  public var scoreDistanceMax, normDistanceMax: Double
  public var coverageMin, coverageRatioMin: Double
  public var latencyMillisecondsMax: Int
  public var latencyRatioMax: Double

  init(_ read: SettingsReader) {
    comparesStrictly = read.text("gates.compare") == "enforce"
    samples = read.whole("gates.samples")
    budgetMilliseconds = read.milliseconds("gates.budget")
    memoryReserveBytes = read.bytes("gates.memoryReserve")
    dimensionMayChange = read.flag("gates.dimensionMayChange")
    itemDropMax = read.number("gates.itemDropMax")
    itemsKeptMin = read.number("gates.itemsKeptMin")
    usersKeptMin = read.number("gates.usersKeptMin")
    probeRecallMin = read.number("gates.probeRecallMin")
    overlapUsersMin = read.number("gates.overlapUsersMin")
    overlapWindowsMin = read.number("gates.overlapWindowsMin")
    overlapSegmentsMin = read.number("gates.overlapSegmentsMin")
    overlapItemsMin = read.number("gates.overlapItemsMin")
    scoreDistanceMax = read.number("gates.scoreDistanceMax")
    normDistanceMax = read.number("gates.normDistanceMax")
    coverageMin = read.number("gates.coverageMin")
    coverageRatioMin = read.number("gates.coverageRatioMin")
    latencyMillisecondsMax = read.milliseconds("gates.latencyMax")
    latencyRatioMax = read.number("gates.latencyRatioMax")
  }
}

extension SettingsReader {
  func number(_ path: String) -> Double { Double(text(path))! }
}
