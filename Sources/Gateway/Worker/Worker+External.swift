import Bytes
import JSON
import Memcached
import Model

// Lists that other programs write: JSON under a key of their own, read where the placement says `external: true`.
//
//     nt1x:<namespace>:<placement>:<segment>   flags 0   [{"itemId":"i7","score":0.8},…]
extension Worker {
  /// Whether memcached was asked for another program's list; only a plain segment list can come from one.
  func askForExternal(_ flight: Flights.Flight) -> Bool {
    let recipe = flight.recipe!
    guard let memcached, case .segment(let segment) = recipe.subject, recipe.variant.isStandard,
      let keys = recipe.shelf.served!.externalKeys[recipe.shelf.index]
    else { return false }
    key.removeAll()
    keys.append(segment: segment, to: &key)
    let ticket = Ticket.list(flight.index).number
    guard key.withBytes({ memcached.get(key: $0, echoesKey: true, ticket: ticket) }) else { return false }
    flight.asksForExternal = true
    flight.isAsked = true
    return true
  }

  /// Converts the other program's list once, into what the first cache holds; without one that can be used, ours is
  /// looked for as usual.
  func externalAnswered(_ flight: Flights.Flight, _ reply: borrowing CacheReply) {
    flight.asksForExternal = false
    guard case .hit = reply.status, reply.flags == 0, convert(reply.value, flight) else {
      if case .hit = reply.status { metrics.badLists += 1 }
      metrics.l2.misses += 1
      if flight.isReadyToCompute { return release(flight) }
      if !ask(flight) { queue(flight) }
      return
    }
    metrics.l2.hits += 1
    list.withBytes { bytes in
      keep(bytes, flight, createdAt: unixSeconds)
      if flight.isOver { release(flight) } else { finish(flight, bytes, at: .l2) }
    }
  }

  /// Renders the list into `self.list`; false when it is no list of items, or of none that the snapshot has.
  private func convert(_ value: RawSpan, _ flight: Flights.Flight) -> Bool {
    guard let root = try? requestBody.parse(value), root.kind == .array else { return false }
    let model = flight.recipe.shelf.served!.model
    var chosen: [ModelContent.Trending] = []
    for place in 0..<min(root.count, RenderedList.itemsMax) {
      let member = root[place]["itemId"]
      guard let member, let id = member.string else { return false }
      guard let item = model.item(id: id) else { continue }
      chosen.append(ModelContent.Trending(item: item, score: Float(root[place]["score"]?.double ?? 0)))
    }
    list.removeAll()
    return model.renderChosen(
      chosen, for: flight.recipe.policy, keyHash: flight.keyHash, now: unixSeconds, scratch: scratch, into: &list) > 0
  }
}
