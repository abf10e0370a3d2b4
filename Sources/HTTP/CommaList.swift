/// The members of a comma list (RFC 9110 §5.6.1), without the white space around them; empty members are skipped.
///
/// Commas inside quoted strings do not separate when `quoted`, as in header fields; a query parameter has no quotes.
///
///     var list = CommaList(bytes.extracting(range))
///     while let member = list.next() { … bytes of `list.bytes` … }
public struct CommaList: ~Escapable {
  public let bytes: RawSpan
  private let quoted: Bool
  private var at = 0

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan, quoted: Bool = false) {
    self.bytes = bytes
    self.quoted = quoted
  }

  /// The range of the next member within `bytes`. O(its bytes).
  @_lifetime(self: copy self)
  public mutating func next() -> Range<Int>? {
    let (start, quoted) = (at, quoted)
    let found: (member: Range<Int>?, end: Int) = bytes.withUnsafeBytes { bytes in
      let octets = Octets(bytes)
      var start = start
      while start < octets.count {
        let end = memberEnd(octets, start, quoted)
        let member = octets.trimmed(start..<end)
        if !member.isEmpty { return (member, end + 1) }
        start = end + 1
      }
      return (nil, octets.count)
    }
    at = found.end
    return found.member
  }
}

private func memberEnd(_ octets: Octets, _ start: Int, _ quoted: Bool) -> Int {
  guard quoted else { return octets.first(UInt8(ascii: ","), in: start..<octets.count) ?? octets.count }
  var at = start
  var isInside = false
  while at < octets.count {
    switch octets[at] {
    case UInt8(ascii: "\""): isInside.toggle()
    case UInt8(ascii: "\\") where isInside: at += 1
    case UInt8(ascii: ",") where !isInside: return at
    default: break
    }
    at += 1
  }
  return octets.count
}
