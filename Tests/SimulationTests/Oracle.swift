import Bytes
import JSON
import Model

/// Knows what a right answer is, from the shop's design and not from the gateway's code.
final class Oracle {
  private let parser = JSONParser(maximumBytes: 1 << 20)
  /// Versions that were given to the workers, and when.
  private(set) var versions: [(version: Int, sinceNanoseconds: UInt64)] = []
  /// Whether an accepted event must show in every later answer: not when windows may be lost with their node.
  var windowsAreSafe = false
  /// Fresh and stale seconds of every list, together; nil where the wall clock jumps.
  var ageMax: Int?
  /// When a client read the 202 of an item that its user looked at.
  private var viewed: [Int: [String: UInt64]] = [:]
  /// Events of a user that have been asked to be taken; a window holds the last ten.
  private var eventsSent: [Int: Int] = [:]
  private var ids: Set<String> = []
  /// What was under each tag, without the id that every answer has of its own.
  private var bodies: [String: [UInt8]] = [:]
  /// Answers by what a client reads in them: for the report, and so that a test can see that all paths were met.
  private(set) var seen: [String: Int] = [:]

  func serves(_ version: Int, at nanoseconds: UInt64) { versions.append((version, nanoseconds)) }

  func sends(events: Int, of user: Int) { eventsSent[user, default: 0] += events }

  func count(_ what: String) { seen[what, default: 0] += 1 }

  /// What is wrong with an answer; empty when nothing is. `present`: when it came.
  func faults(_ answer: AnswerReader.Answer, to question: Question, at present: UInt64) -> [String] {
    switch question.kind {
    case .recommendation(let ask): return check(answer, ask, question.begunNanoseconds, present)
    case .events(let user, let places):
      for place in places where answer.status == 202 {
        viewed[user, default: [:]][TasteShop.item(user, place), default: present] = min(
          present, viewed[user]?[TasteShop.item(user, place)] ?? .max)
      }
      return expect(answer, [202])
    case .live: return expect(answer, [200])
    case .ready: return expect(answer, [200, 503])
    case .unknownPath: return expect(answer, [404])
    case .options: return expect(answer, [204])
    case .refused(let status): return expect(answer, [status])
    case .malformed: return answer.status >= 400 ? [] : ["a malformed request was answered with \(answer.status)"]
    }
  }

  private func expect(_ answer: AnswerReader.Answer, _ statuses: [Int]) -> [String] {
    count("status \(answer.status)")
    return statuses.contains(answer.status) ? [] : ["status \(answer.status), expected \(statuses)"]
  }

  // MARK: Recommendations

  private func check(
    _ answer: AnswerReader.Answer, _ ask: Question.Recommendation, _ asked: UInt64, _ present: UInt64
  ) -> [String] {
    count("status \(answer.status)")
    let tier = answer["cache-status"].flatMap { $0.split(separator: "detail=").last.map(String.init) } ?? "none"
    count("tier \(tier)")
    if answer.status == 503 {
      // Above the last rung of the ladder, and never without a hint.
      return answer["retry-after"] == nil ? ["503 without Retry-After"] : []
    }
    if answer.status == 304 {
      return answer["etag"] == ask.entityTag ? [] : ["304 with another tag than was asked for"]
    }
    guard answer.status == 200 else { return ["a valid request was answered with \(answer.status)"] }
    guard answer["etag"]?.hasPrefix("W/\"") == true else { return ["no weak ETag"] }
    if ask.isHead { return answer.body.isEmpty ? [] : ["a body after HEAD"] }
    guard let body = Body(answer.body, parser) else {
      return ["the body is not one of ours: \(String(decoding: answer.body.prefix(200), as: UTF8.self))"]
    }
    count("fallback \(body.reason ?? "none")")
    return faults(of: body, ask, tier, asked, present) + repetitions(answer, body) + ageFaults(answer)
  }

  /// An id names one answer; a tag, one body.
  private func repetitions(_ answer: AnswerReader.Answer, _ body: Body) -> [String] {
    var faults: [String] = []
    if !ids.insert(body.id).inserted { faults.append("the id \(body.id) was given before") }
    var rest = answer.body
    rest.replaceSubrange(22..<22 + RecommendationID.characters, with: [])
    if let before = bodies.updateValue(rest, forKey: answer["etag"]!), before != rest {
      faults.append("one ETag for two bodies")
    }
    return faults
  }

  private func ageFaults(_ answer: AnswerReader.Answer) -> [String] {
    guard let ageMax, let age = answer["age"].flatMap({ Int($0) }) else { return [] }
    // A second for the clock's grain, one for the list that reflects an event of this very second.
    return age <= ageMax + 2 ? [] : ["a list of age \(age), \(ageMax) are allowed"]
  }

  private func faults(
    of body: Body, _ ask: Question.Recommendation, _ tier: String, _ asked: UInt64, _ present: UInt64
  ) -> [String] {
    var faults: [String] = []
    if body.placement != ask.placement { faults.append("placement \(body.placement) for \(ask.placement)") }
    guard let model = body.model else {
      return faults + (versions.isEmpty || versions[0].sinceNanoseconds + Oracle.swapNanoseconds > asked ? [] : ["no model although one serves"])
    }
    if model.name != TasteShop.modelName || !mayServe(model.version, asked, present) {
      faults.append("model \(model.name) \(model.version), which did not serve between question and answer")
    }
    faults += idFaults(body, ask, model.version)
    faults += itemFaults(body, ask, model.version, asked)
    if let whose = wrongTastes(body, ask) { faults.append(whose) }
    return faults
  }

  /// Whether a version was the current one at some moment between question and answer.
  private func mayServe(_ version: Int, _ asked: UInt64, _ present: UInt64) -> Bool {
    for (index, serving) in versions.enumerated() where serving.version == version {
      // A swap reaches the workers by mailbox, each when its turn is over.
      let until = index + 1 < versions.count ? versions[index + 1].sinceNanoseconds + Oracle.swapNanoseconds : .max
      if serving.sinceNanoseconds <= present && asked <= until { return true }
    }
    return false
  }

  /// How long a worker's turn may keep a swap waiting.
  static let swapNanoseconds: UInt64 = 100_000_000

  private func idFaults(_ body: Body, _ ask: Question.Recommendation, _ version: Int) -> [String] {
    guard let id = RecommendationID(body.id.utf8.span.bytes) else { return ["recommendationId \"\(body.id)\""] }
    guard id.version == UInt64(version), id.placement == RecommendationID.placementCode(ask.placement) else {
      return ["recommendationId of another version or placement"]
    }
    return []
  }

  private func itemFaults(
    _ body: Body, _ ask: Question.Recommendation, _ version: Int, _ asked: UInt64
  ) -> [String] {
    var faults: [String] = []
    let ids = body.items.map(\.id)
    if Set(ids).count != ids.count { faults.append("an item comes twice: \(ids)") }
    if ids.count != ask.count { faults.append("\(ids.count) items, \(ask.count) were asked for") }
    if let stray = body.items.first(where: { $0.made != "v\(version)" }) {
      faults.append("item \(stray.id) was made by \(stray.made), the answer says version \(version)")
    }
    if let excluded = ids.first(where: ask.excluded.contains) { faults.append("excluded item \(excluded)") }
    if let user = ask.user, let known = ids.first(where: { TasteShop.hasSeen(user, $0) }) {
      faults.append("item \(known), which the user has seen")
    }
    // Other placements' lists are nobody's own, and no window is fetched for them; an answer that was cut short may
    // have had no time to.
    let isPersonal = (ask.placement == "home" || ask.placement == "mine") && body.reason != "deadline_exceeded"
    if windowsAreSafe, isPersonal, let user = ask.user, eventsSent[user, default: 0] <= Window.eventsMax, let views = viewed[user] {
      if let known = ids.first(where: { views[$0].map { $0 < asked } ?? false }) {
        faults.append("item \(known), which the user looked at before, as a 202 has promised")
      }
    }
    if let item = ask.item, ids.contains(TasteShop.item(item.taste, item.place)) {
      faults.append("the item itself among those like it")
    }
    return faults
  }

  /// The heart of it: an answer that claims to be what was asked for must be of the right tastes.
  private func wrongTastes(_ body: Body, _ ask: Question.Recommendation) -> String? {
    let tastes = Set(body.items.map { TasteShop.taste(of: $0.id) ?? -1 })
    func only(_ allowed: (Int) -> Bool, _ whose: String) -> String? {
      tastes.allSatisfy(allowed) ? nil : "\(whose) was asked for, and got \(body.items.map(\.id))"
    }
    if ask.placement == "trending" { return nil }
    guard body.reason == nil || body.source == "segment" else { return nil }
    if let item = ask.item { return only({ $0 == item.taste }, "what is like \(item)") }
    if ask.isItemUnknown { return "an unknown item was answered without a fallback" }
    let segment = ask.segment ?? ask.user.map(TasteShop.segment(of:)) ?? 0
    if let user = ask.user {
      // Of the user's taste alone, or the segment's list where the placement gives that to a user without a window.
      if ask.placement == "mine" && body.reason == nil { return only({ $0 == user }, "user \(user)'s own list") }
      let isOwn = tastes.allSatisfy { $0 == user }
      return isOwn ? nil : only({ TasteShop.segment(of: $0) == segment }, "user \(user) in segment \(segment)")
    }
    return only({ TasteShop.segment(of: $0) == segment }, "segment \(segment)")
  }
}

/// What a recommendation's body says.
private struct Body {
  let id: String
  let placement: String
  var items: [(id: String, made: String)] = []
  var model: (name: String, version: Int)?
  var reason: String?
  var source: String?

  init?(_ bytes: [UInt8], _ parser: JSONParser) {
    let span = bytes.span.bytes
    guard let root = try? parser.parse(span), root.kind == .object, let id = root["recommendationId"]?.text,
      let placement = root["placement"]?.text, let items = root["items"], items.kind == .array
    else { return nil }
    self.id = id
    self.placement = placement
    for place in 0..<items.count {
      guard let item = items[place]["itemId"]?.text else { return nil }
      self.items.append((item, items[place]["metadata"]?["made"]?.text ?? "nobody"))
    }
    if let model = root["model"], model.kind == .object {
      guard let name = model["name"]?.text, let version = model["version"]?.int64 else { return nil }
      self.model = (name, Int(version))
    }
    if let fallback = root["fallback"], fallback.kind == .object {
      reason = fallback["reason"]?.text
      source = fallback["source"]?.text
    }
  }
}

extension JSONValue {
  fileprivate var text: String? {
    guard let bytes = string else { return nil }
    return String(copying: bytes)
  }
}
