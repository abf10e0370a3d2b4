internal import Bytes
internal import JSON

/// Looks into bodies: is this the answer to what was asked? A gateway that is fast and wrong must not look fast.
///
/// What an answer offers is checked: the envelope, the placement it names, as many items as were asked for, each once,
/// the item asked about not among them, a model version from 1. Whose list it is cannot be seen from outside, but two
/// answers with one `recommendationId` on a connection can: the second is the first one's bytes.
final class AnswerCheck {
  enum Fault: Error, Equatable, CustomStringConvertible {
    case notJSON, envelope, placement, itemCount, item, duplicateItem, askedItem, model, repeated, batchCount, events

    var description: String {
      switch self {
      case .notJSON: "the body is not JSON"
      case .envelope: "the envelope lacks recommendationId, items or fallback"
      case .placement: "the placement is not the one asked for"
      case .itemCount: "there are more or fewer items than asked for"
      case .item: "an item lacks itemId or a score"
      case .duplicateItem: "an item is there twice"
      case .askedItem: "the item asked about is among those like it"
      case .model: "the model is no name with a version from 1"
      case .repeated: "the answer carries the recommendationId of the one before it"
      case .batchCount: "the batch has not one response a request"
      case .events: "the events were not all accepted"
      }
    }
  }

  /// What one list was expected to be.
  struct Expectation: Equatable {
    var placement: String
    var results: Int?
    /// Hash of the item asked about.
    var item: UInt64?
  }

  /// Items of an answer in order, for the click model.
  private(set) var items: [SeenItem] = []
  struct SeenItem {
    var id: String
    var hash: UInt64
    var score: Double
  }
  /// Whether `items` carry their ids as text.
  var keepsItems = false
  private(set) var recommendationID = ""
  /// Of the last answer; 0 while the gateway has no model.
  private(set) var modelVersion: Int64 = 0
  private(set) var identity: UInt64 = 0

  private let parser = JSONParser(maximumBytes: ResponseParser.bodyBytesMax)
  private var hashes: [UInt64] = []

  /// - Parameter lastIdentity: `identity` of the answer before it on the same connection, 0 for none.
  func checkList(_ body: UnsafeRawBufferPointer, _ expected: Expectation, lastIdentity: UInt64) throws(Fault) {
    let root = try parse(body)
    hashes.removeAll(keepingCapacity: true)
    items.removeAll(keepingCapacity: true)
    try check(root, expected)
    if lastIdentity != 0 && identity == lastIdentity { throw .repeated }
  }

  /// A batch: one envelope a request, in order, and no item twice in all of them.
  func checkBatch(_ body: UnsafeRawBufferPointer, _ expected: [Expectation], lastIdentity: UInt64) throws(Fault) {
    let root = try parse(body)
    guard let responses = root["responses"], responses.kind == .array else { throw .envelope }
    guard responses.count == expected.count else { throw .batchCount }
    hashes.removeAll(keepingCapacity: true)
    items.removeAll(keepingCapacity: true)
    for (place, expectation) in expected.enumerated() { try check(responses[place], expectation) }
    if lastIdentity != 0 && identity == lastIdentity { throw .repeated }
  }

  /// The answer to a batch of events: each accepted, or known already.
  func checkEvents(_ body: UnsafeRawBufferPointer, count: Int) throws(Fault) {
    let root = try parse(body)
    guard let accepted = root["accepted"]?.int64, let duplicates = root["duplicates"]?.int64,
      accepted + duplicates == Int64(count)
    else { throw .events }
  }

  private func parse(_ body: UnsafeRawBufferPointer) throws(Fault) -> JSONValue {
    do { return try parser.parse(RawSpan(_unsafeBytes: body)) } catch { throw .notJSON }
  }

  private func check(_ envelope: JSONValue, _ expected: Expectation) throws(Fault) {
    guard let idValue = envelope["recommendationId"], let id = idValue.string, id.byteCount > 0,
      let list = envelope["items"], list.kind == .array, let fallback = envelope["fallback"]
    else { throw .envelope }
    identity = hashOfBytes(id)
    if keepsItems { recommendationID = String(copyingText: id) }
    guard let placementValue = envelope["placement"], let placement = placementValue.string,
      placement.isEqual(to: expected.placement)
    else { throw .placement }
    let count = list.count
    if let wanted = expected.results, count != wanted {
      // Fewer are right where nothing more exists and the answer says so.
      guard count < wanted, let reasonValue = fallback["reason"], let reason = reasonValue.string,
        reason.isEqual(to: "filter_empty") || reason.isEqual(to: "model_unavailable")
      else { throw .itemCount }
    }
    for place in 0..<count { try checkItem(list[place], expected) }
    try checkModel(envelope["model"])
  }

  private func checkItem(_ item: JSONValue, _ expected: Expectation) throws(Fault) {
    guard let idValue = item["itemId"], let id = idValue.string, id.byteCount > 0, let score = item["score"]?.double,
      score.isFinite
    else { throw .item }
    let hash = hashOfBytes(id)
    if hash == expected.item { throw .askedItem }
    // Up to some hundred items: comparing beats a set.
    for seen in hashes where seen == hash { throw .duplicateItem }
    hashes.append(hash)
    if keepsItems { items.append(SeenItem(id: String(copyingText: id), hash: hash, score: score)) }
  }

  private func checkModel(_ model: JSONValue?) throws(Fault) {
    modelVersion = 0
    guard let model, model.kind != .null else { return }
    guard let version = model["version"]?.int64, version >= 1, model["name"]?.kind == .string else { throw .model }
    modelVersion = version
  }
}

/// FNV-1a, 64 bits: short ids, no seed needed.
func hashOfBytes(_ bytes: RawSpan) -> UInt64 {
  bytes.withUnsafeBytes { bytes in
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}

extension RawSpan {
  fileprivate func isEqual(to text: String) -> Bool {
    withUnsafeBytes { bytes in bytes.elementsEqual(text.utf8) }
  }
}

extension String {
  fileprivate init(copyingText bytes: RawSpan) {
    self = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
