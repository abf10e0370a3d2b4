public import Bytes
public import Ranking
public import Snapshots

// Items.
extension ServingModel {
  /// The item of an id. O(1).
  public func item(id: RawSpan) -> UInt32? { ids.find(id) }
  /// The item of an id's XXH3, as lists carry it. O(1).
  public func item(hash: UInt64) -> UInt32? { ids.find(hash: hash) }

  @_lifetime(borrow self)
  public func itemID(_ item: UInt32) -> RawSpan { _overrideLifetime(ids.id(item), borrowing: self) }

  /// XXH3 of the id.
  public func itemHash(_ item: UInt32) -> UInt64 { ids.hash(item) }

  /// The subject of a request for similar items; nil for an unknown item.
  public func subject(item id: RawSpan) -> Subject? { item(id: id).map { .item(index: $0, hash: itemHash($0)) } }

  /// The item's JSON object of metadata.
  @_lifetime(borrow self)
  public func itemMetadata(_ item: UInt32) -> RawSpan { _overrideLifetime(metadata.object(item), borrowing: self) }

  /// Empty when there is none. For people: it decodes the metadata.
  public func title(_ item: UInt32) -> String {
    let object = itemMetadata(item)
    var members = JSONMembers(object)
    while let member = members.next() {
      guard equal(object.extracting(member.name), "title".utf8.span.bytes) else { continue }
      return decodedJSONString(object.extracting(member.value))
    }
    return ""
  }

  /// 0…1.
  public func itemPopularity(_ item: UInt32) -> Float { popularity[Int(item)] }
  /// Unix seconds; 0 is unknown.
  public func publishedAt(_ item: UInt32) -> UInt32 { published[Int(item)] }

  /// The item's categories as numbers, ascending.
  public func itemCategories(_ item: UInt32) -> Column<UInt32> { categories.of(item) }
  public func categoryName(_ category: UInt32) -> String { categories.name(category) }
  public func category(named name: String) -> UInt32? { categories.find(hash: xxh3(name)) }
}

// Users, segments, settings.
extension ServingModel {
  /// A user's row; nil for one that the training did not have. Some 50 ns.
  public func user(_ hash: UserHash) -> UserRow? { users.find(hash).map(UserRow.init) }
  public func segment(of user: UserRow) -> Int { users.segment(user.number) }
  /// Items that the user has met, ascending.
  public func seen(by user: UserRow) -> Column<UInt32> { users.seen(user.number) }

  /// The segment that answers somebody of whom only the context is known: the context's, else the one of everybody.
  public func segment(for context: ContextBucket) -> Int { segments.segment(of: context) ?? segments.standard }
  /// Users in a segment.
  public func segmentSize(_ segment: Int) -> Int { segments.size(segment) }

  /// The number of a segment as a request names it, `7` or `s7`; nil when there is none of that name.
  public func segment(named text: RawSpan) -> Int? {
    guard text.byteCount > 0 else { return nil }
    let start = text.byte(0) == UInt8(ascii: "s") ? 1 : 0
    guard (1...5).contains(text.byteCount - start) else { return nil }
    var number = 0
    for at in start..<text.byteCount {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text.byte(at)) else { return nil }
      number = number * 10 + Int(text.byte(at) - UInt8(ascii: "0"))
    }
    return number < segmentCount ? number : nil
  }

  /// What a placement ranks by: the snapshot's weights for it, with its configuration's changes.
  public func weights(for placement: borrowing PlacementPolicy) -> RankingWeights {
    placement.ranking.applied(to: ranking.weights(placement.name))
  }
}

/// A user's place in one snapshot. Means nothing in another.
public struct UserRow: Sendable, Hashable {
  let number: Int
}
