import Bytes

/// The fetches of users' windows that are under way, one a user.
struct WindowFetches: ~Copyable {
  final class Fetch {
    let index: Int
    fileprivate(set) var user = UserHash(high: 0, low: 0)
    var waiters: [Waiter] = []
    /// The window has changed since memcached was asked: what it answers may be older.
    var isOvertaken = false
    fileprivate(set) var isUnderWay = false

    fileprivate init(index: Int) { self.index = index }
  }

  private var pool: [Fetch] = []
  private var free: [Int] = []
  private var index = HashIndex()

  var count: Int { pool.count - free.count }

  subscript(_ place: Int) -> Fetch { pool[place] }

  func fetch(of user: UserHash) -> Fetch? {
    guard let place = index[user.high], pool[place].user == user else { return nil }
    return pool[place]
  }

  mutating func begin(_ user: UserHash) -> Fetch {
    let place = free.popLast() ?? pool.count
    if place == pool.count { pool.append(Fetch(index: place)) }
    let fetch = pool[place]
    fetch.user = user
    fetch.isUnderWay = true
    fetch.isOvertaken = false
    _ = index.insert(user.high, place)
    return fetch
  }

  /// Nobody may join any more.
  mutating func close(_ fetch: Fetch) { index.remove(fetch.user.high, fetch.index) }

  mutating func end(_ fetch: Fetch) {
    close(fetch)
    fetch.isUnderWay = false
    fetch.waiters.removeAll(keepingCapacity: true)
    free.append(fetch.index)
  }
}
