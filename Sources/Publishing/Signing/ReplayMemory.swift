/// What a node remembers of a model so that nobody can set it back by showing it old files whose signatures hold:
///
///     served 42               the largest version that was champion here
///     aliases 1795364439      when the newest aliases that it believed were signed
///
/// Challengers are not counted: a trial that ends must leave the champion where it was.
public struct ReplayMemory: Sendable, Equatable {
  public private(set) var servedMax: Int
  /// Unix seconds; 0 when signed aliases were never seen.
  public private(set) var aliasesTimestamp: Int

  static let fileBytesMax = 1024

  public init(servedMax: Int = 0, aliasesTimestamp: Int = 0) {
    self.servedMax = servedMax
    self.aliasesTimestamp = aliasesTimestamp
  }

  public mutating func serves(_ version: Int) { servedMax = max(servedMax, version) }

  /// Takes note of what the repository says of its aliases, or throws why that must not be believed. `timestamp` is
  /// when they were signed, nil where the file is absent.
  ///
  /// The newest aliases that were seen may be seen again. Once there were some, their absence is as old as older ones:
  /// without aliases another version would serve.
  public mutating func believe(aliasesSignedAt timestamp: Int?, of model: String) throws(PublishError) {
    guard let timestamp else {
      guard aliasesTimestamp == 0 else {
        throw PublishError(
          .rollbackRefused, "aliases.json of \(model) is gone, and this node has seen one; publish an alias again")
      }
      return
    }
    guard timestamp >= aliasesTimestamp else {
      throw PublishError(
        .rollbackRefused,
        "aliases.json of \(model) was signed at \(timestamp), before the one of \(aliasesTimestamp) that this node has seen"
      )
    }
    aliasesTimestamp = timestamp
  }

  var fileText: String { "served \(servedMax)\naliases \(aliasesTimestamp)\n" }

  /// Reads `fileText`; nil for anything else.
  init?(fileText: String) {
    var numbers: [String: Int] = [:]
    for line in fileText.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 2, let number = Int(words[1]), number >= 0 else { return nil }
      numbers[String(words[0])] = number
    }
    guard let served = numbers["served"], let aliases = numbers["aliases"] else { return nil }
    self.init(servedMax: served, aliasesTimestamp: aliases)
  }
}
