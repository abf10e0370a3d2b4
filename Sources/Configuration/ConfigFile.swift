internal import FoundationEssentials
internal import Yams

/// The keys of a YAML file with the place of each, checked against the table.
struct ConfigFile {
  private(set) var values: [String: ConfigValue] = [:]
  private(set) var placements: [String] = []
  private(set) var problems: [ConfigurationError.Problem] = []
  private let path: String

  init(path: String) throws(ConfigurationError) {
    let text: String
    do {
      text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    } catch {
      throw ConfigurationError(.file(path: path, line: 1, column: 1), "cannot be read; does the file exist?")
    }
    try self.init(text: text, path: path)
  }

  init(text: String, path: String) throws(ConfigurationError) {
    self.path = path
    do {
      guard let root = try compose(yaml: text) else { return }
      guard case .mapping(let mapping) = root else {
        throw ConfigurationError(
          origin(of: root), "a configuration is a mapping of keys, as in `listen: 127.0.0.1:8080`")
      }
      read(mapping, under: "")
    } catch let error as ConfigurationError {
      throw error
    } catch let error as YamlError {
      throw ConfigurationError([problem(of: error)])
    } catch {
      throw ConfigurationError(.file(path: path, line: 1, column: 1), "\(error)")
    }
  }

  private mutating func read(_ mapping: Node.Mapping, under prefix: String) {
    for (key, value) in mapping {
      guard let name = key.scalar?.string else {
        problems.append(.init(origin: origin(of: key), sentence: "a key must be plain text"))
        continue
      }
      let path = prefix.isEmpty ? name : prefix + "." + name
      if prefix == "placements" { readPlacementName(name, key) }
      if let known = ConfigKey.key(for: path) {
        read(value, as: known, at: path)
      } else if ConfigFile.isGroup(path), case .mapping(let inner) = value {
        read(inner, under: path)
      } else if ConfigFile.isGroup(path) {
        if value.null == nil {
          problems.append(.init(origin: origin(of: value), sentence: "\(path) is a group of keys, not a value"))
        }
      } else {
        refuse(path, at: key)
      }
    }
  }

  private mutating func readPlacementName(_ name: String, _ key: Node) {
    placements.append(name)
    guard !isName(name) else { return }
    problems.append(
      .init(origin: origin(of: key), sentence: "placement \"\(name)\" must be 1 to 32 of a-z, 0-9 and -"))
  }

  private mutating func read(_ node: Node, as key: ConfigKey, at path: String) {
    var texts: [String] = []
    switch (node, key.form) {
    case (.sequence(let items), .list):
      texts = items.compactMap { $0.scalar?.string }
      if texts.count != items.count { return refuse(node, key, path, "holds something that is not plain text") }
    case (.scalar(let scalar), .list): texts = scalar.string.isEmpty ? [] : [scalar.string]
    case (.scalar(let scalar), _): texts = [scalar.string]
    default: return refuse(node, key, path, "this is not \(key.form)")
    }
    for text in texts {
      if let objection = key.form.objection(to: text) { return refuse(node, key, path, objection) }
    }
    values[path] = ConfigValue(texts: texts, origin: origin(of: node))
  }

  private mutating func refuse(_ node: Node, _ key: ConfigKey, _ path: String, _ objection: String) {
    problems.append(.init(origin: origin(of: node), sentence: "\(path): \(objection)"))
  }

  private mutating func refuse(_ path: String, at key: Node) {
    let placed = path.hasPrefix("placements.") ? path.split(separator: ".").dropFirst().first.map(String.init) : nil
    let known = ConfigKey.all.map { $0.path.replacing("*", with: placed ?? "*") }
    let near = nearest(path, among: known)
    problems.append(
      .init(
        origin: origin(of: key),
        sentence: "unknown key \"\(path)\"" + (near.map { " (did you mean \"\($0)\"?)" } ?? "")))
  }

  private func origin(of node: Node) -> ConfigOrigin {
    .file(path: path, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  private func problem(of error: YamlError) -> ConfigurationError.Problem {
    switch error {
    case .scanner(_, let what, let mark, _), .parser(_, let what, let mark, _), .composer(_, let what, let mark, _):
      .init(origin: .file(path: path, line: mark.line, column: mark.column), sentence: "not YAML: \(what)")
    default: .init(origin: .file(path: path, line: 1, column: 1), sentence: "not YAML: \(error)")
    }
  }

  private static func isGroup(_ path: String) -> Bool {
    if path == "placements" { return true }
    let parts = path.split(separator: ".")
    let pattern =
      parts.first == "placements"
      ? (["placements", "*"] + parts.dropFirst(2).map(String.init)).joined(separator: ".") : path
    return ConfigKey.all.contains { $0.path.hasPrefix(pattern + ".") }
  }
}

/// Whether a text may be a namespace, model or placement: `[a-z0-9-]{1,32}`, so that keys need no escaping.
func isName(_ text: String) -> Bool {
  (1...32).contains(text.utf8.count)
    && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: "-") }
}
