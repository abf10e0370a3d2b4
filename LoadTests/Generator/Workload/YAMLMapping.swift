internal import Yams

/// One mapping of a workload file. Every key must be taken: what nobody asked for is told, with its line, as a mistake.
struct YAMLMapping {
  private let mapping: Node.Mapping
  private let file: String
  private let line: Int
  private var taken: [String] = []

  init(text: String, file: String) throws(LoadError) {
    let root: Node?
    do { root = try compose(yaml: text) } catch { throw LoadError("\(file): \(error)") }
    guard let root else { throw LoadError("\(file): the file is empty") }
    try self.init(root, file: file)
  }

  private init(_ node: Node, file: String) throws(LoadError) {
    self.file = file
    line = node.mark?.line ?? 1
    guard case .mapping(let mapping) = node else { throw LoadError("\(file):\(line): this must be keys with values") }
    self.mapping = mapping
  }

  func failure(_ sentence: String, at line: Int? = nil) -> LoadError {
    LoadError("\(file):\(line ?? self.line): \(sentence)")
  }

  /// Call it last, when every key that is known has been asked for.
  func refuseOthers() throws(LoadError) {
    for (key, _) in mapping {
      let name = key.scalar?.string ?? "?"
      guard !taken.contains(name) else { continue }
      throw failure(
        "unknown key \"\(name)\"; here are known: \(taken.joined(separator: " "))", at: key.mark?.line ?? line)
    }
  }

  func has(_ key: String) -> Bool { mapping[key] != nil }

  private mutating func node(_ key: String) -> Node? {
    if !taken.contains(key) { taken.append(key) }
    return mapping[key]
  }

  mutating func text(_ key: String) throws(LoadError) -> String? {
    guard let node = node(key) else { return nil }
    guard let scalar = node.scalar else { throw failure("\(key) must be plain text", at: node.mark?.line) }
    return scalar.string
  }

  mutating func number(_ key: String, _ range: ClosedRange<Double>) throws(LoadError) -> Double? {
    guard let text = try text(key) else { return nil }
    guard let value = SLO.number(text[...]), range.contains(value) else {
      throw failure(
        "\(key): \"\(text)\" is not a number of \(range.lowerBound) to \(range.upperBound)", at: lineOf(key))
    }
    return value
  }

  mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws(LoadError) -> Int? {
    guard let text = try text(key) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw failure(
        "\(key): \"\(text)\" is not a whole number of \(range.lowerBound) to \(range.upperBound)", at: lineOf(key))
    }
    return value
  }

  /// A duration with its unit, in seconds.
  mutating func seconds(_ key: String) throws(LoadError) -> Double? {
    guard let text = try text(key) else { return nil }
    guard let microseconds = SLO.microseconds(text[...]) else {
      throw failure("\(key): \"\(text)\" is no duration; write 500us, 20ms or 5s", at: lineOf(key))
    }
    return microseconds / 1e6
  }

  mutating func flag(_ key: String) throws(LoadError) -> Bool? {
    guard let text = try text(key) else { return nil }
    guard text == "true" || text == "false" else { throw failure("\(key) must be true or false", at: lineOf(key)) }
    return text == "true"
  }

  mutating func word<Word: RawRepresentable & CaseIterable>(_ key: String) throws(LoadError) -> Word?
  where Word.RawValue == String {
    guard let text = try text(key) else { return nil }
    guard let word = Word(rawValue: text) else {
      let words = Word.allCases.map(\.rawValue).joined(separator: " ")
      throw failure("\(key): \"\(text)\" is none of: \(words)", at: lineOf(key))
    }
    return word
  }

  mutating func mapping(_ key: String) throws(LoadError) -> YAMLMapping? {
    guard let node = node(key) else { return nil }
    return try YAMLMapping(node, file: file)
  }

  mutating func mappings(_ key: String) throws(LoadError) -> [YAMLMapping]? {
    guard let node = node(key) else { return nil }
    guard case .sequence(let nodes) = node, !nodes.isEmpty else {
      throw failure("\(key) must be a list of one or more", at: node.mark?.line)
    }
    var all: [YAMLMapping] = []
    for node in nodes { all.append(try YAMLMapping(node, file: file)) }
    return all
  }

  private func lineOf(_ key: String) -> Int? { mapping[key]?.mark?.line }
}
