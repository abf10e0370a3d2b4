/// What a new reading of the configuration changes: what can be in force from now on, and what has to wait.
public struct ConfigurationChange: Sendable {
  /// The new values, with the old ones of the keys that wait. Whole: it is applied at once or not at all.
  public let configuration: Configuration
  /// Paths whose new values are in `configuration`, sorted.
  public let applied: [String]
  /// Paths whose new values need a restart, sorted.
  public let waiting: [String]

  public var isEmpty: Bool { applied.isEmpty && waiting.isEmpty }

  /// Compares values in force: a default that is now written out is no change.
  public init(from old: Configuration, to new: Configuration) {
    var effective = new
    var applied: [String] = []
    var waiting: [String] = []
    for path in Set(old.values.keys).union(new.values.keys) where old.value(path).texts != new.value(path).texts {
      guard let key = ConfigKey.key(for: path) else { continue }
      if key.needsRestart, ConfigurationChange.isKept(path, old, new) {
        waiting.append(path)
        effective.keep(path, of: old)
      } else {
        applied.append(path)
      }
    }
    // A placement may come or go without a key of its own being said.
    for name in Set(old.placementNames).symmetricDifference(new.placementNames) {
      let path = "placements.\(name)"
      if !Configuration.standardPlacements.contains(name) && !applied.contains(where: { $0.hasPrefix(path + ".") }) {
        applied.append(path)
      }
    }
    configuration = effective
    self.applied = applied.sorted()
    self.waiting = waiting.sorted()
  }

  /// A key of a placement that comes or goes with this change has no old value to keep.
  private static func isKept(_ path: String, _ old: Configuration, _ new: Configuration) -> Bool {
    let parts = path.split(separator: ".")
    guard parts.count > 2, parts[0] == "placements" else { return true }
    let name = String(parts[1])
    return Configuration.standardPlacements.contains(name)
      || old.placementNames.contains(name) && new.placementNames.contains(name)
  }
}
