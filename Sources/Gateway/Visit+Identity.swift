import Bytes
import Model

extension Visit {
  /// Finds out who asks for what: pure functions of the request, the snapshot and the configuration.
  func identify(
    _ request: borrowing RecommendationRequest, _ shelf: Shelf, _ served: ServedModel, _ identityKey: IdentityKey,
    _ vocabulary: borrowing ContextVocabulary, _ question: inout Exchange.Question, now: UInt32
  ) throws(RequestProblem) {
    if request.filter != nil || request.arm != nil { try readFilter(request) }
    if shelf.hasContext { bucket = try context(of: request, vocabulary, now: now) }
    let model = served.model
    if let id = request.itemID {
      item = model.item(id: request.bytes(id))
      question.item = item == nil ? .unknown : .known
    }
    if let id = request.userID {
      let hash = identityKey.hash(request.bytes(id))
      user = hash
      userRow = model.user(hash)
      question.user = userRow == nil ? .unknown : .known
    }
    segment = userRow.map { model.segment(of: $0) } ?? model.segment(for: bucket)
    if let name = request.segment {
      let known = model.segment(named: request.bytes(name))
      question.segment = known == nil ? .unknown : .known
      segment = known ?? segment
    }
  }

  private func readFilter(_ request: borrowing RecommendationRequest) throws(RequestProblem) {
    do throws(ItemFilterError) {
      filter = .none
      if let text = request.filter { filter = try ItemFilter(query: request.bytes(text)) }
      narrowed = try shelf.policy.effectiveFilter(filter)
      let arm = request.arm.map { xxh3(request.bytes($0)) } ?? 0
      variant = try shelf.policy.variant(arm: arm, filter: filter)
      isFiltered = true
    } catch {
      throw .bad("filter", error.description)
    }
  }

  private func context(
    of request: borrowing RecommendationRequest, _ vocabulary: borrowing ContextVocabulary, now: UInt32
  ) throws(RequestProblem) -> ContextBucket {
    var at = Int64(now)
    if let time = request.time {
      guard let given = readTime(request.bytes(time)) else {
        throw .bad("time", "This must be a time like 2026-11-22T16:20:39Z or Unix seconds.")
      }
      at = given
    }
    let clock = vocabulary.clock(hour: request.hour, unixSeconds: at, zone: request.bytes(ifAny: request.timeZone))
    return vocabulary.bucket(
      shelf.policy.context, device: request.bytes(ifAny: request.device), locale: request.bytes(ifAny: request.locale),
      clock: clock)
  }

  /// Whose list it is when the exchange wants this one; nil for one that the request cannot have.
  func subject(of list: Exchange.List) -> Subject? {
    switch list {
    case .segment: .segment(segment)
    case .user: user.map { .user($0) }
    case .item: item.map { .item(index: $0, hash: shelf.served!.model.itemHash($0)) }
    }
  }

  func recipe(for subject: Subject) -> Recipe {
    var recipe = Recipe(shelf, subject, bucket)
    if isFiltered {
      recipe.filter = filter
      recipe.variant = variant
    }
    return recipe
  }
}

/// Unix seconds of `2026-11-22T16:20:39Z`, with a fraction and an offset allowed (RFC 3339), or of decimal digits.
func readTime(_ text: RawSpan) -> Int64? {
  func digit(_ offset: Int) -> Int64? {
    guard offset < text.byteCount else { return nil }
    let byte = text.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    return (48...57).contains(byte) ? Int64(byte) - 48 : nil
  }
  func number(_ range: Range<Int>) -> Int64? {
    var value: Int64 = 0
    for offset in range {
      guard let next = digit(offset) else { return nil }
      value = value * 10 + next
    }
    return value
  }
  func byte(_ offset: Int) -> UInt8 {
    offset < text.byteCount ? text.unsafeLoad(fromByteOffset: offset, as: UInt8.self) : 0
  }

  if (1...12).contains(text.byteCount), let seconds = number(0..<text.byteCount) { return seconds }
  guard text.byteCount >= 20, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
    let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
    byte(4) == UInt8(ascii: "-"), byte(7) == UInt8(ascii: "-"), byte(10) | 0x20 == UInt8(ascii: "t"),
    byte(13) == UInt8(ascii: ":"), byte(16) == UInt8(ascii: ":"),
    (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
  else { return nil }
  var at = 19
  if byte(at) == UInt8(ascii: ".") {
    at += 1
    while digit(at) != nil { at += 1 }
  }
  var offset: Int64 = 0
  switch byte(at) {
  case UInt8(ascii: "Z"), UInt8(ascii: "z"): at += 1
  case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: " "):
    guard let hours = number(at + 1..<at + 3), byte(at + 3) == UInt8(ascii: ":"), let minutes = number(at + 4..<at + 6)
    else { return nil }
    offset = (hours * 60 + minutes) * (byte(at) == UInt8(ascii: "-") ? -60 : 60)
    at += 6
  default: return nil
  }
  guard at == text.byteCount else { return nil }
  // Days since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
  let shifted = month <= 2 ? year - 1 : year
  let era = shifted / 400
  let yearOfEra = shifted - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  return days * 86_400 + hour * 3600 + minute * 60 + second - offset
}
