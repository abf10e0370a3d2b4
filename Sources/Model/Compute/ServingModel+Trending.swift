public import Bytes
internal import Snapshots

extension ServingModel {
  /// Makes a list of what is popular, in a segment or everywhere (`segment` nil), and appends its stored form.
  ///
  /// Scores are shares of the best one's. Items that the filters of placement and request do not let through are left
  /// out. No allocation once the scratch has met the model.
  ///
  /// - Returns: items in the list; 0 is possible, and still a valid list.
  public func renderTrending(
    segment: Int?, filter: ItemFilter = .none, for placement: borrowing PlacementPolicy, keyHash: UInt64, now: UInt32,
    scratch: ComputeScratch, into value: inout ByteBuffer
  ) throws(RenderFailure) -> Int {
    if let segment, !(0..<segmentCount).contains(segment) { throw .unknownSubject }
    var both = placement.filter
    do throws(ItemFilterError) { try both.formIntersection(filter) } catch { throw .filter(error) }
    let (items, scores) = trending.list(segment)
    let best = items.isEmpty || scores[0] <= 0 ? 1 : scores[0]
    let limit = min(placement.listItems, RenderedList.itemsMax)
    scratch.writer.begin(keyHash: keyHash, createdAt: now, freshSeconds: placement.freshSeconds)
    for place in 0..<items.count where scratch.writer.count < limit {
      guard both.isEmpty || categories.allows(both, items[place]) else { continue }
      add(items[place], score: scores[place] / best, .popular, to: &scratch.writer)
    }
    scratch.writer.finish(into: &value)
    return scratch.writer.count
  }

  /// Makes the list that answers when no other does: what is popular among what the placement's filter lets through, and
  /// appends its stored form. It is empty only when no item of the catalogue passes.
  ///
  /// Trending lists know a thousand items, and a rare category may have none of them: the rest comes by popularity, with
  /// scores below the others'. Once a snapshot and placement: O(items log items), and it allocates.
  ///
  /// - Returns: items in the list.
  public func renderPopular(
    for placement: borrowing PlacementPolicy, keyHash: UInt64, now: UInt32, scratch: ComputeScratch,
    into value: inout ByteBuffer
  ) -> Int {
    let filter = placement.filter
    let (items, scores) = trending.list(nil)
    let best = items.isEmpty || scores[0] <= 0 ? 1 : scores[0]
    var lowest: Float = 1
    scratch.chosen.removeAll()
    scratch.writer.begin(keyHash: keyHash, createdAt: now, freshSeconds: placement.freshSeconds)
    for place in 0..<items.count where !scratch.writer.isFull && categories.allows(filter, items[place]) {
      lowest = scores[place] / best
      scratch.chosen.insert(itemHash(items[place]))
      add(items[place], score: lowest, .popular, to: &scratch.writer)
    }
    if !scratch.writer.isFull {
      var rest = (0..<UInt32(itemCount)).filter {
        categories.allows(filter, $0) && !scratch.chosen.contains(itemHash($0))
      }
      rest.sort { (popularity[Int($1)], $0) < (popularity[Int($0)], $1) }
      for item in rest where !scratch.writer.isFull {
        add(item, score: lowest * popularity[Int(item)], .popular, to: &scratch.writer)
      }
    }
    scratch.writer.finish(into: &value)
    return scratch.writer.count
  }

  /// Makes a list of what is popular everywhere among what is available and passes a filter, and appends its stored form:
  /// for when the items of the lists that were rendered once are sold out. O(trending items), no allocation once the
  /// scratch has met a list.
  ///
  /// - Returns: items in the list; 0 is possible.
  public func renderAvailable(
    _ availability: Availability, filter: ItemFilter, keyHash: UInt64, now: UInt32, scratch: ComputeScratch,
    into value: inout ByteBuffer
  ) -> Int {
    let (items, scores) = trending.list(nil)
    let best = items.isEmpty || scores[0] <= 0 ? 1 : scores[0]
    let unavailable = availability.bits
    scratch.writer.begin(keyHash: keyHash, createdAt: now, freshSeconds: 0)
    for place in 0..<items.count where !scratch.writer.isFull && !unavailable.contains(items[place]) {
      guard categories.allows(filter, items[place]) else { continue }
      add(items[place], score: scores[place] / best, .popular, to: &scratch.writer)
    }
    scratch.writer.finish(into: &value)
    return scratch.writer.count
  }

  /// Makes a list out of items that another program has chosen, best first: those of the catalogue, with its metadata,
  /// and appends its stored form. Items that stand twice, or beyond the placement's length, are left out.
  ///
  /// - Returns: items in the list; 0 is possible.
  public func renderChosen(
    _ chosen: [ModelContent.Trending], for placement: borrowing PlacementPolicy, keyHash: UInt64, now: UInt32,
    scratch: ComputeScratch, into value: inout ByteBuffer
  ) -> Int {
    let limit = min(placement.listItems, RenderedList.itemsMax)
    scratch.chosen.removeAll()
    scratch.writer.begin(keyHash: keyHash, createdAt: now, freshSeconds: placement.freshSeconds)
    for choice in chosen where scratch.writer.count < limit {
      guard choice.item < UInt32(itemCount),
        placement.filter.isEmpty || categories.allows(placement.filter, choice.item),
        scratch.chosen.insert(itemHash(choice.item))
      else { continue }
      add(choice.item, score: choice.score, .personalized, to: &scratch.writer)
    }
    scratch.writer.finish(into: &value)
    return scratch.writer.count
  }

  /// Adds an item as it stands in a response.
  func add(_ item: UInt32, score: Float, _ reason: ItemReason, to list: inout RenderedListWriter) {
    list.add(itemHash: itemHash(item)) { fragment in
      fragment.append("{\"itemId\":\"" as StaticString)
      fragment.append(jsonEscaped: itemID(item))
      // Marginal relevance falls below zero at the end of a diverse list; a score of a shown item does not.
      fragment.append("\",\"score\":" as StaticString)
      fragment.append(fixed: Double(max(0, score)), digits: 4)
      fragment.append(",\"reason\":\"" as StaticString)
      fragment.append(reason.name)
      fragment.append("\",\"metadata\":" as StaticString)
      fragment.append(itemMetadata(item))
      fragment.append("}," as StaticString)
    }
  }
}
