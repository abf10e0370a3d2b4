import Bytes
import Configuration
import Model
import Publishing
import Reactor

// L1 before a new version serves: what was hot under the old one is there already when the first request comes.
extension Worker {
  /// Lists that are put in at a time, between which others have their turn: 8 × 15 KB are some 20 µs.
  static let warmedAtATime = 8

  /// Which lists of a version were hit, those that came last first.
  func hottest(_ version: ModelIdentity) -> [HotList] {
    let prefix = Array("nt1:\(settings.memcachedNamespace):\(version.name):\(version.digest8):".utf8)
    var found: [HotList] = []
    l1.forEachHit(startingWith: prefix, lookingAtMost: HotList.lookedAtMax) { tail in
      if let list = HotList(keyTail: tail, placements) { found.append(list) }
      return found.count < HotList.countMax
    }
    return found.compactMap { list in
      guard case .user(let user) = list.subject else { return list }
      // Without it nobody knows here what the user has done, and a list would claim that it was nothing.
      guard let window = copiedWindow(of: user) else { return nil }
      var list = list
      list.window = window
      return list
    }
  }

  private func copiedWindow(of user: UserHash) -> [UInt8]? {
    key.removeAll()
    placements.windowKeys.append(user, to: &key)
    guard let entry = key.withBytes({ l1.find($0, now: unixSeconds) }) else { return nil }
    return l1.withValue(entry) { $0.copied() }
  }

  /// Takes the next few; the last of them is told to control.
  func keep(_ prepared: PreparedLists, from start: Int) {
    let end = min(prepared.lists.count, start + Worker.warmedAtATime)
    for list in prepared.lists[start..<end] {
      _ = l1.insert(
        list.key.span.bytes, list.bytes.span.bytes, freshUntil: list.freshUntil, staleUntil: list.staleUntil,
        now: unixSeconds)
    }
    if end < prepared.lists.count {
      mailbox.post(.warm(prepared, from: end))
    } else {
      control.post(.warmed(worker: index, prepared.version))
    }
  }
}
