/// Every key's value in force, with where it came from.
///
/// Own reading instead of swift-configuration: that package's readers turn a value of the wrong type into the default,
/// know no unknown keys and no line numbers, and these three are what an operator needs from a configuration.
public struct Configuration: Sendable {
  public private(set) var values: [String: ConfigValue] = [:]
  /// Names under `placements`, in the order of the file.
  public private(set) var placementNames: [String] = []

  /// Reads all sources and checks them whole before any value is used.
  ///
  /// - Parameters:
  ///   - file: path of the YAML file, if there is one.
  ///   - environment: variables; those that begin with `NEEDLETAIL_` and are no key are refused.
  ///   - flags: key path → texts, as the command line gave them.
  public init(
    file: String? = nil, environment: [String: String] = [:], flags: [String: [String]] = [:]
  ) throws(ConfigurationError) {
    var problems: [ConfigurationError.Problem] = []
    if let file {
      let read = try ConfigFile(path: file)
      values = read.values
      placementNames = read.placements
      problems += read.problems
    }
    problems += take(environment)
    problems += take(flags)
    guard problems.isEmpty else { throw ConfigurationError(problems) }
  }

  init(text: String, path: String) throws(ConfigurationError) {
    let read = try ConfigFile(text: text, path: path)
    guard read.problems.isEmpty else { throw ConfigurationError(read.problems) }
    values = read.values
    placementNames = read.placements
  }

  private mutating func take(_ environment: [String: String]) -> [ConfigurationError.Problem] {
    var problems: [ConfigurationError.Problem] = []
    let named = Dictionary(
      uniqueKeysWithValues: ConfigKey.all.compactMap { key in key.environmentName.map { ($0, key) } })
    for (name, text) in environment where name.hasPrefix("NEEDLETAIL_") && !ConfigurationVariables.others.contains(name)
    {
      let origin = ConfigOrigin.environment(name)
      guard let key = named[name] else {
        let near = nearest(name, among: named.keys)
        let hint = near.map { " (did you mean \($0)?)" } ?? ""
        problems.append(.init(origin: origin, sentence: "no such setting\(hint)"))
        continue
      }
      problems += take(split(text, key), key, origin, at: key.path)
    }
    return problems
  }

  private mutating func take(_ flags: [String: [String]]) -> [ConfigurationError.Problem] {
    var problems: [ConfigurationError.Problem] = []
    for (path, texts) in flags {
      guard let key = ConfigKey.key(for: path) else { preconditionFailure("a flag names no key: \(path)") }
      problems += take(texts, key, .flag(path), at: path)
    }
    return problems
  }

  private mutating func take(
    _ texts: [String], _ key: ConfigKey, _ origin: ConfigOrigin, at path: String
  ) -> [ConfigurationError.Problem] {
    for text in texts {
      if let objection = key.form.objection(to: text) {
        return [.init(origin: origin, sentence: "\(path): \(objection)")]
      }
    }
    values[path] = ConfigValue(texts: texts, origin: origin)
    return []
  }

  private func split(_ text: String, _ key: ConfigKey) -> [String] {
    guard case .list = key.form else { return [text] }
    return text.split(separator: ",").map { $0.trimmingPrefix(while: { $0 == " " }) }.map(String.init)
  }

  /// Placements that exist without being named.
  static let standardPlacements = ["home", "detail", "trending"]

  /// Takes the value that another configuration has for a path, or none.
  mutating func keep(_ path: String, of other: Configuration) { values[path] = other.values[path] }

  /// The value in force of a path, the default when no source has it.
  func value(_ path: String) -> ConfigValue {
    if let value = values[path] { return value }
    guard let key = ConfigKey.key(for: path) else { preconditionFailure("no such key: \(path)") }
    if case .list = key.form { return ConfigValue(texts: split(key.fallback, key), origin: .fallback) }
    return ConfigValue(texts: [key.fallback], origin: .fallback)
  }
}

/// Variables with the product's prefix that are no settings of the server.
public enum ConfigurationVariables {
  /// Kernel choice of the search (tests), the configuration file's path, where clients find this program, and what the
  /// test suites read.
  public static let others: Set<String> = [
    "NEEDLETAIL_KERNELS", "NEEDLETAIL_CONFIG", "NEEDLETAIL_SHARED_DATA", "NEEDLETAIL_TEST_MEMCACHED",
    "NEEDLETAIL_BIN", "NEEDLETAIL_TESTS",
  ]
}
