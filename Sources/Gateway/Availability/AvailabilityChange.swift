import Bytes
import JSON
import Model

/// Which items are sold out and which are back: the body of an admin call.
///
///     POST {"unavailable":["i7","i9"],"available":["i3"]}     PUT {"unavailable":["i7","i9"]}, the whole set
struct AvailabilityChange: Sendable, Equatable {
  /// Ids of one call. Each is looked for in the set and in every loaded snapshot, at most some 300 ns together: 32,768
  /// of them hold the control loop for 10 ms.
  static let idsMax = 1 << 15
  /// Of one call: ids of 13 bytes with their quotes and comma, 32,768 × 16.
  static let bodyBytesMax = idsMax * 16

  /// Ascending, each once, and none in both.
  private(set) var unavailable: [ItemID] = []
  private(set) var available: [ItemID] = []
  /// Whatever is not named is available.
  private(set) var isWhole = false

  /// Everything is available.
  static let clearing = AvailabilityChange(whole: UnavailableIDs())

  /// These are unavailable, and nothing else.
  init(whole set: UnavailableIDs) {
    unavailable = set.ids
    isWhole = true
  }

  /// Reads a body. What is wrong with it is the client's fault, and nothing of it is taken.
  init(_ body: [UInt8], whole: Bool, parser: JSONParser) throws(RequestProblem) {
    let root: JSONValue
    do { root = try parser.parse(body.span.bytes) } catch {
      throw RequestProblem(status: 400, parameter: nil, detail: "The body is not JSON: \(error)")
    }
    guard root.kind == .object else {
      throw RequestProblem(status: 400, parameter: nil, detail: AvailabilityChange.form(whole))
    }
    isWhole = whole
    // A member that was misspelt would be a change that is silently not made.
    for place in 0..<root.count {
      let name = root.name(place)
      guard name == "unavailable" || name == "available" && !whole else {
        throw .bad(String(name.prefix(64)), AvailabilityChange.form(whole))
      }
      guard place == 0 || root.name(0) != name else { throw .bad(name, "This stands twice.") }
      let ids = try AvailabilityChange.ids(root[place], name)
      if name == "available" { available = ids } else { unavailable = ids }
    }
    guard root.count > 0 else {
      throw RequestProblem(status: 400, parameter: nil, detail: AvailabilityChange.form(whole))
    }
    guard unavailable.count + available.count <= AvailabilityChange.idsMax else {
      throw .tooLong("available", AvailabilityChange.tooMany)
    }
    let others = Set(available.map { Array($0.text.utf8) })
    if let both = unavailable.first(where: { !others.isEmpty && others.contains(Array($0.text.utf8)) }) {
      throw .bad("available", "\"\(both.text)\" is named as unavailable, too.")
    }
  }

  private static func form(_ isWhole: Bool) -> String {
    isWhole
      ? #"The body must be an object like {"unavailable":["i7"]}, with every item that is."#
      : #"The body must be an object like {"unavailable":["i7"],"available":["i3"]}."#
  }

  private static let tooMany = "A call names at most \(idsMax) items; make several calls."

  private static func ids(_ value: JSONValue, _ name: String) throws(RequestProblem) -> [ItemID] {
    guard value.kind == .array else { throw .bad(name, "This must be a list of item ids.") }
    guard value.count <= idsMax else { throw .tooLong(name, tooMany) }
    var ids: [ItemID] = []
    ids.reserveCapacity(value.count)
    for (place, element) in value.elements(max: idsMax).enumerated() {
      guard let text = element.string else { throw .bad("\(name)/\(place)", "An item id must be a string.") }
      guard (1...RecommendationRequest.idBytesMax).contains(text.byteCount) else {
        throw .bad("\(name)/\(place)", "An item id has 1 to \(RecommendationRequest.idBytesMax) bytes.")
      }
      ids.append(ItemID(String(copying: text)))
    }
    ids.sort()
    return ids.enumerated().filter { $0 == 0 || ids[$0 - 1] != $1 }.map(\.element)
  }
}
