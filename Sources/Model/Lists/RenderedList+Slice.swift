public import Bytes

extension RenderedList {
  /// What became of a list that was cut.
  public struct Cut: Sendable, Equatable {
    /// Items that were appended.
    public var written = 0
    /// Items passed over although nothing but their being unavailable was against them.
    public var unavailable = 0
  }

  /// Appends up to `limit` of the list's items to a response, without those in `skipped`: objects with commas between
  /// them and none at the end. Runs of neighbours are copied as one slice.
  ///
  /// - Parameters:
  ///   - rules: what is known against an item: unavailable, seen by the user, outside the filter. Nil for nothing.
  ///   - fields: the metadata to answer with; empty for all of it.
  ///   - continuing: items stand before these in the response, so a comma goes first.
  /// - Returns: what was written. When too little, `skipped.insert(itemsOf: self)` and cut the rest from another list.
  /// - Complexity: O(bytes written + items looked at). No allocation.
  public func slice(
    upTo limit: Int, skipping skipped: borrowing ItemHashSet, rules: SliceRules? = nil,
    fields: borrowing MetadataFields, continuing: Bool = false, into body: inout ByteBuffer
  ) -> Cut {
    guard limit > 0, count > 0 else { return Cut() }
    let start = body.count
    if continuing { body.append(UInt8(ascii: ",")) }
    let wanted = min(limit, count)
    let cut =
      skipped.isEmpty && rules == nil
      ? Cut(written: copy(0..<wanted, fields, into: &body))
      : copy(first: wanted, skipped, rules, fields, into: &body)
    // Either the comma of the last item or the one that came before nothing.
    body.truncate(to: cut.written > 0 ? body.count - 1 : start)
    return cut
  }

  /// Appends the hashes of the items that `slice` writes when it is given the same arguments, in their order: what a page
  /// shows here, no later list of it should show again.
  ///
  /// - Complexity: O(items looked at).
  public func appendShown(
    upTo limit: Int, skipping skipped: borrowing ItemHashSet, rules: SliceRules? = nil, to shown: inout [UInt64]
  ) {
    var left = limit
    for index in 0..<count where left > 0 {
      let hash = itemHash(index)
      guard !skipped.contains(hash), rules?.verdict(hash) ?? .shown == .shown else { continue }
      shown.append(hash)
      left -= 1
    }
  }

  private func copy(
    first wanted: Int, _ skipped: borrowing ItemHashSet, _ rules: SliceRules?, _ fields: borrowing MetadataFields,
    into body: inout ByteBuffer
  ) -> Cut {
    var cut = Cut()
    var runStart = 0
    var index = 0
    while index < count && cut.written + index - runStart < wanted {
      let hash = itemHash(index)
      let verdict = skipped.contains(hash) ? .forbidden : rules?.verdict(hash) ?? .shown
      if verdict != .shown {
        if verdict == .unavailable { cut.unavailable += 1 }
        cut.written += copy(runStart..<index, fields, into: &body)
        runStart = index + 1
      }
      index += 1
    }
    cut.written += copy(runStart..<index, fields, into: &body)
    return cut
  }

  /// Copies a run with all its commas; returns its length.
  private func copy(_ run: Range<Int>, _ fields: borrowing MetadataFields, into body: inout ByteBuffer) -> Int {
    guard !run.isEmpty else { return 0 }
    if fields.isEmpty {
      body.append(fragments(run))
    } else {
      for index in run { appendSelected(fragment(index), fields, into: &body) }
    }
    return run.count
  }
}

/// One item with the chosen metadata only; other members stay. A fragment that does not look like ours is copied whole:
/// more than was asked for, and still JSON.
private func appendSelected(_ fragment: RawSpan, _ fields: borrowing MetadataFields, into body: inout ByteBuffer) {
  var members = JSONMembers(fragment)
  while let member = members.next() {
    guard equal(fragment.extracting(member.name), "metadata".utf8.span.bytes) else { continue }
    body.append(fragment.extracting(0..<member.value.lowerBound))
    body.append(UInt8(ascii: "{"))
    let metadata = fragment.extracting(member.value)
    var inner = JSONMembers(metadata)
    var isFirst = true
    while let field = inner.next() {
      guard fields.contains(metadata.extracting(field.name)) else { continue }
      if !isFirst { body.append(UInt8(ascii: ",")) }
      isFirst = false
      body.append(metadata.extracting(field.name.lowerBound - 1..<field.value.upperBound))
    }
    body.append(UInt8(ascii: "}"))
    body.append(fragment.extracting(member.value.upperBound..<fragment.byteCount))
    return
  }
  body.append(fragment)
}
