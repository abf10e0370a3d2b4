internal import FoundationEssentials

extension Workload {
  /// Reads a workload file. Its mistakes are told with file and line; a name that it does not give is the file's.
  public init(path: String) throws(LoadError) {
    let text: String
    do { text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self) } catch {
      throw LoadError("\(path): the workload cannot be read; does the file exist?")
    }
    try self.init(yaml: text, file: path)
  }

  public init(yaml: String, file: String) throws(LoadError) {
    var top = try YAMLMapping(text: yaml, file: file)
    let stem = URL(filePath: file).deletingPathExtension().lastPathComponent
    name = try top.text("name") ?? stem
    about = try top.text("about") ?? ""
    if let given = try top.mapping("users") { users = try Population(given, users) }
    if let given = try top.mapping("items") { items = try Population(given, items) }
    guard let given = try top.mappings("requests") else {
      throw top.failure("requests are missing: what is asked for?")
    }
    requests = try Workload.templates(given)
    for given in try top.mappings("phases") ?? [] { phases.append(try Phase(given, users, items)) }
    if let given = try top.mapping("clicks") { clicks = try ClickModel(given) }
    try top.refuseOthers()
  }

  fileprivate static func templates(_ given: [YAMLMapping]) throws(LoadError) -> [RequestTemplate] {
    var templates: [RequestTemplate] = []
    for mapping in given {
      let template = try RequestTemplate(mapping)
      guard !templates.contains(where: { $0.name == template.name }) else {
        throw mapping.failure("two requests are called \"\(template.name)\"; give one a name of its own")
      }
      templates.append(template)
    }
    return templates
  }
}

extension Population {
  /// What a mapping says, over what holds without it.
  init(_ given: YAMLMapping, _ base: Population) throws(LoadError) {
    var given = given
    self = base
    prefix = try given.text("prefix") ?? prefix
    guard prefix.utf8.allSatisfy(isUnreserved) else {
      throw given.failure(
        "prefix: \"\(prefix)\" may hold letters, digits and - . _ ~ only: ids stand in targets unescaped")
    }
    digits = try given.integer("digits", 0...12) ?? digits
    first = try given.integer("first", 0...1_000_000_000) ?? first
    count = try given.integer("count", 1...1_000_000_000) ?? count
    distribution = try given.word("distribution") ?? distribution
    exponent = try given.number("exponent", 0.01...10) ?? exponent
    churnEverySeconds = try given.seconds("churnEvery") ?? churnEverySeconds
    churnShare = try given.number("churnShare", 0...1) ?? churnShare
    unknownShare = try given.number("unknownShare", 0...1) ?? unknownShare
    try given.refuseOthers()
  }
}

extension RequestTemplate {
  init(_ given: YAMLMapping) throws(LoadError) {
    var given = given
    let name = try given.text("name")
    let target = try given.text("target")
    let batch = try given.mappings("batch")
    if batch != nil || target != nil {
      let what = batch != nil ? "a batch has its lists" : "a raw target has no list"
      if given.has("placement") || given.has("subject") || given.has("results") {
        throw given.failure("\(what): placement, subject and results do not belong beside it")
      }
      if given.has("query") { throw given.failure("\(what): query does not belong beside it") }
    }
    if let batch {
      guard target == nil else { throw given.failure("a request is a batch or a raw target, not both") }
      var lists: [List] = []
      for item in batch {
        var item = item
        lists.append(try List(&item))
        try item.refuseOthers()
      }
      self.init(name: name ?? "batch", lists: lists)
      isBatch = true
    } else if let target {
      guard target.hasPrefix("/"), target.utf8.allSatisfy(isVisible) else {
        throw given.failure("target: \"\(target)\" must begin with / and hold no spaces")
      }
      self.init(name: name ?? target, lists: [])
      self.target = target
    } else {
      let list = try List(&given)
      self.init(name: name ?? list.placement, lists: [list])
      query = try given.text("query") ?? ""
      guard query.utf8.allSatisfy(isVisible) else { throw given.failure("query: \"\(query)\" must be percent-encoded") }
    }
    weight = try given.number("weight", 0.000001...1_000_000) ?? 1
    try given.refuseOthers()
  }
}

extension RequestTemplate.List {
  init(_ given: inout YAMLMapping) throws(LoadError) {
    placement = try given.text("placement") ?? placement
    // As the gateway names them; so no placement needs escaping in a target or a body.
    guard (1...32).contains(placement.utf8.count),
      placement.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") })
    else { throw given.failure("placement: \"\(placement)\" must be 1 to 32 of a-z, 0-9 and -") }
    subject = try given.word("subject") ?? subject
    results = try given.integer("results", 1...100)
  }
}

extension Phase {
  init(_ given: YAMLMapping, _ users: Population, _ items: Population) throws(LoadError) {
    var given = given
    guard let seconds = try given.seconds("for"), seconds > 0 else {
      throw given.failure("a phase needs its length, as in for: 5s")
    }
    self.init(seconds: seconds)
    rate = try given.number("rate", 0...1_000_000) ?? 1
    if let mapping = try given.mapping("users") { self.users = try Population(mapping, users) }
    if let mapping = try given.mapping("items") { self.items = try Population(mapping, items) }
    if let mappings = try given.mappings("requests") { requests = try Workload.templates(mappings) }
    try given.refuseOthers()
  }
}

extension ClickModel {
  init(_ given: YAMLMapping) throws(LoadError) {
    var given = given
    positionBias = try given.number("positionBias", 0...10) ?? positionBias
    clickRate = try given.number("clickRate", 0...1) ?? clickRate
    relevancePath = try given.text("relevance")
    seenShare = try given.number("seenShare", 0...1) ?? seenShare
    delaySeconds = try given.seconds("delay") ?? delaySeconds
    sendsImpressions = try given.flag("impressions") ?? sendsImpressions
    try given.refuseOthers()
  }
}

/// RFC 3986 §2.3: what stands for itself everywhere in a target.
private func isUnreserved(_ byte: UInt8) -> Bool {
  (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte)
}

private func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) }
