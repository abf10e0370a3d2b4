/// Whether an `If-None-Match` value lists `entityTag`, by the weak comparison that this field asks for (RFC 9110
/// §13.1.2, §8.8.3.2): the opaque parts are equal, `W/` on either side does not matter. `*` matches whatever is there.
///
///     If-None-Match = "*" / #( [ "W/" ] DQUOTE *etagc DQUOTE )
///
/// `entityTag` is a tag as it is sent, with its quotes. What is malformed matches nothing from there on: the answer is
/// then a full one, which is never wrong. O(bytes), no allocation.
public func ifNoneMatch(_ list: RawSpan, matches entityTag: RawSpan) -> Bool {
  list.withUnsafeBytes { list in
    entityTag.withUnsafeBytes { entityTag in
      let (list, tag) = (Octets(list), Octets(entityTag))
      let whole = list.trimmed(0..<list.count)
      if list.equal(whole, "*") { return true }
      let opaque = opaqueStart(tag, 0, tag.count)..<tag.count
      var at = whole.lowerBound
      while at < whole.upperBound {
        if list[at] == UInt8(ascii: ",") || isBlank(list[at]) {
          at += 1
          continue
        }
        let start = opaqueStart(list, at, whole.upperBound)
        guard start < whole.upperBound, list[start] == UInt8(ascii: "\""),
          let close = list.first(UInt8(ascii: "\""), in: start + 1..<whole.upperBound)
        else { return false }
        if same(list, start..<close + 1, tag, opaque) { return true }
        at = close + 1
      }
      return false
    }
  }
}

/// The offset of the opening quote: after `W/`, which is case-sensitive, if that stands at `at`.
private func opaqueStart(_ octets: Octets, _ at: Int, _ end: Int) -> Int {
  end - at >= 2 && octets.equal(at..<at + 2, "W/") ? at + 2 : at
}

private func same(_ left: Octets, _ leftRange: Range<Int>, _ right: Octets, _ rightRange: Range<Int>) -> Bool {
  guard leftRange.count == rightRange.count else { return false }
  for offset in 0..<leftRange.count
  where left[leftRange.lowerBound + offset] != right[rightRange.lowerBound + offset] {
    return false
  }
  return true
}
