internal import Bytes
internal import FoundationEssentials
internal import Glibc

/// The click model at work: turns a list that somebody got into the events about it.
final class ClickSimulation {
  private let model: ClickModel
  /// By hash of the item id; nil takes the answer's scores.
  private let relevance: [UInt64: Double]?
  private let seed: UInt64
  /// Event ids count once an hour at the gateway: the same seed must not make the same ids in the next run.
  private let runTag: String

  init(_ model: ClickModel, relevance: [UInt64: Double]?, seed: UInt64, runTag: String) {
    self.model = model
    self.relevance = relevance
    self.seed = seed
    self.runTag = runTag
  }

  var delaySeconds: Double { model.delaySeconds }

  /// Lines of `itemId,relevance`; a first line that is no such thing is a header.
  static func readRelevance(path: String) throws(LoadError) -> [UInt64: Double] {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw LoadError("\(path): the relevances cannot be read; does the file exist?")
    }
    var all: [UInt64: Double] = [:]
    for (number, line) in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).enumerated() {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count == 2, let value = Double(fields[1]), (0...1).contains(value) else {
        if number == 0 { continue }
        throw LoadError("\(path):\(number + 1): \"\(line)\" is not itemId,relevance with a relevance of 0 to 1")
      }
      all[hashOfText(String(fields[0]))] = value
    }
    return all
  }

  /// What happens to a list: which of its places are clicked. Nil when it is not even seen.
  func clicks(_ items: [AnswerCheck.SeenItem], index: UInt64) -> [Int]? {
    var random = Random64(seed: seed ^ 0xC11C_C11C_C11C_C11C, stream: index)
    guard random.unit() < model.seenShare else { return nil }
    return items.indices.filter { place in
      let draw = random.unit()
      let examination = pow(Double(place + 1), -model.positionBias)
      let own = relevance.map { $0[items[place].hash] ?? 0 } ?? min(max(items[place].score, 0), 1)
      return draw < examination * model.clickRate * own
    }
  }

  /// The body of a POST /v1/events, and how many events it holds; nil when there is nothing to tell.
  func events(
    _ items: [AnswerCheck.SeenItem], recommendationID: String, index: UInt64, userID: String,
    into body: inout ByteBuffer
  ) -> (impressions: Int, clicks: Int)? {
    guard !items.isEmpty, let clicked = clicks(items, index: index) else { return nil }
    guard model.sendsImpressions || !clicked.isEmpty else { return nil }
    body.append("{\"events\":[" as StaticString)
    if model.sendsImpressions {
      begin("impression", "\(runTag)-\(index)", userID, recommendationID, into: &body)
      body.append(",\"impression\":[" as StaticString)
      for (place, item) in items.enumerated() {
        if place > 0 { body.append(UInt8(ascii: ",")) }
        appendString(item.id, to: &body)
      }
      body.append("]}" as StaticString)
    }
    for (number, place) in clicked.enumerated() {
      if number > 0 || model.sendsImpressions { body.append(UInt8(ascii: ",")) }
      begin("click", "\(runTag)-\(index)-\(place + 1)", userID, recommendationID, into: &body)
      body.append(",\"itemId\":" as StaticString)
      appendString(items[place].id, to: &body)
      body.append(",\"position\":" as StaticString)
      body.append(decimal: place + 1)
      body.append("}" as StaticString)
    }
    body.append("]}" as StaticString)
    return (model.sendsImpressions ? 1 : 0, clicked.count)
  }

  private func begin(
    _ type: StaticString, _ eventID: String, _ userID: String, _ recommendationID: String, into body: inout ByteBuffer
  ) {
    body.append("{\"eventId\":\"" as StaticString)
    body.append(eventID)
    body.append("\",\"eventType\":\"" as StaticString)
    body.append(type)
    body.append("\",\"userId\":\"" as StaticString)
    body.append(userID)
    body.append("\",\"recommendationId\":" as StaticString)
    appendString(recommendationID, to: &body)
  }

  private func appendString(_ text: String, to body: inout ByteBuffer) {
    body.append(UInt8(ascii: "\""))
    body.append(jsonEscaped: text.utf8.span.bytes)
    body.append(UInt8(ascii: "\""))
  }
}

func hashOfText(_ text: String) -> UInt64 { hashOfBytes(text.utf8.span.bytes) }
