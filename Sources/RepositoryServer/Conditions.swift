internal import Bytes
internal import HTTP

/// The conditions of a request and the part of a resource that it wants (RFC 9110 §13, §14): pure, on text as it was
/// sent. Fields that came in several lines stand here as one, joined by commas.
///
/// All tags of this server are strong.
struct Conditions: Sendable, Equatable {
  var ifMatch: String?
  var ifNoneMatch: String?
  var ifRange: String?
  var range: String?

  /// What a GET or HEAD is answered with.
  enum Reading: Equatable {
    case whole
    case part(Range<Int>)
    /// 304
    case notModified
    /// 412
    case changed
    /// 416
    case unsatisfiable
  }

  /// In the order of RFC 9110 §13.2.2: If-Match, If-None-Match, then If-Range and Range.
  func reading(_ tag: String, byteCount: Int) -> Reading {
    if let ifMatch, !listed(tag, in: ifMatch) { return .changed }
    if let ifNoneMatch, HTTP.ifNoneMatch(ifNoneMatch.utf8.span.bytes, matches: tag.utf8.span.bytes) {
      return .notModified
    }
    guard let range, ifRange.map({ $0 == tag }) ?? true else { return .whole }
    return part(range, of: byteCount)
  }

  /// Whether a PUT may go ahead over what stands there now, nil for nothing.
  func allowsWriting(over tag: String?) -> Bool {
    if let ifMatch {
      guard let tag, listed(tag, in: ifMatch) else { return false }
    }
    if let ifNoneMatch, let tag {
      return !HTTP.ifNoneMatch(ifNoneMatch.utf8.span.bytes, matches: tag.utf8.span.bytes)
    }
    return true
  }

  /// By the strong comparison: a weak tag in the list matches nothing.
  private func listed(_ tag: String, in list: String) -> Bool {
    let bytes = list.utf8.span.bytes
    let wanted = tag.utf8.span.bytes
    var members = CommaList(bytes, quoted: true)
    while let member = members.next() {
      let found = bytes.extracting(member)
      if equal(found, wanted) || equal(found, "*".utf8.span.bytes) { return true }
    }
    return false
  }

  /// `bytes=first-last`, `bytes=first-` or `bytes=-last`, one of them. Several, another unit or what is malformed is as
  /// if it had not been asked (RFC 9110 §14.2): a whole answer is never wrong.
  private func part(_ field: String, of byteCount: Int) -> Reading {
    let unit = "bytes="
    guard field.count > unit.count, field.prefix(unit.count).lowercased() == unit else { return .whole }
    let ends = field.dropFirst(unit.count).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return .whole }
    switch (position(ends[0]), position(ends[1])) {
    case (.number(let first), .number(let last)):
      guard first <= last else { return .whole }
      return first < byteCount ? .part(first..<min(last + 1, byteCount)) : .unsatisfiable
    case (.number(let first), .absent):
      return first < byteCount ? .part(first..<byteCount) : .unsatisfiable
    case (.absent, .number(let length)):
      guard length > 0, byteCount > 0 else { return .unsatisfiable }
      return .part(max(0, byteCount - length)..<byteCount)
    default: return .whole
    }
  }

  private enum Position { case absent, number(Int), malformed }

  private func position(_ text: Substring) -> Position {
    if text.isEmpty { return .absent }
    // 18 digits: one more than the last byte is still a number.
    guard text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
      return .malformed
    }
    return .number(number)
  }
}
