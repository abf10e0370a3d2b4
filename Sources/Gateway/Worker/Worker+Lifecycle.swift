import Configuration
import Logging
import Memcached
import Model
import Reactor

// The parts of a worker's life that are not requests: other settings, connections that come from elsewhere, the end.
extension Worker {
  /// A connection without a request for this long is closed by a drain. Shorter silences are mostly requests on their
  /// way: a client that asks again within this time finds the connection open, and is told in the answer to close it.
  /// HTTP/1.1 has no other way to say "no more requests"; who asks after a longer silence at the very moment of the
  /// close has to ask again (RFC 9110 §9.2.2).
  static let drainQuietNanoseconds: UInt64 = 500_000_000
  /// A request that has come in part gets this long for the rest once a drain has begun. A client that lives sends it
  /// within some round trips; one that does not must not hold the process until `http.drainTimeout`. It is told 408,
  /// which is to say "ask again, elsewhere" (RFC 9110 §15.5.9).
  static let drainRequestNanoseconds: UInt64 = 2_000_000_000

  /// Opens the clients of memcached's nodes, in place of older ones. Who waits for one of those has a miss.
  func openMemcached() throws {
    memcached?.close()
    memcached = nil
    guard !settings.memcachedServers.isEmpty else { return }
    var clientSettings = MemcachedSettings()
    clientSettings.timeoutMilliseconds = settings.memcachedTimeoutMilliseconds
    clientSettings.connectTimeoutMilliseconds = settings.memcachedConnectTimeoutMilliseconds
    memcached = try MemcachedClient(
      loop: loop, nodes: settings.memcachedServers.map { try NodeAddress(parsing: $0) }, settings: clientSettings,
      seed: random.next(), receiver: self)
  }

  /// What other settings mean for what this worker holds.
  func settingsChanged(from old: Settings) {
    if old.http.bodyBytes != settings.http.bodyBytes || old.events.bodyBytes != settings.events.bodyBytes {
      requestBody = RequestBody(bytesMax: max(BatchRequest.bodyBytesMax(settings.http), settings.events.bodyBytes))
    }
    if old.l1Bytes != settings.l1Bytes { l1.resize(bytesMax: settings.l1Bytes) }
    metrics.grow(placementCount: placements.all.count)
    forgetLists(of: old)
    let isSameMemcached =
      old.memcachedServers == settings.memcachedServers
      && old.memcachedTimeoutMilliseconds == settings.memcachedTimeoutMilliseconds
      && old.memcachedConnectTimeoutMilliseconds == settings.memcachedConnectTimeoutMilliseconds
    guard !isSameMemcached else { return }
    // The nodes were checked with the configuration.
    do { try openMemcached() } catch { log.error("memcached is not used", metadata: ["reason": "\(error)"]) }
  }

  /// Lists that were kept under another policy of their placement must not be served by the new one. Filter and ranking
  /// are part of the key, but how long a list is fresh and how many items it has are not; they were fixed when it was
  /// put in. Windows stay: without memcached they live nowhere else.
  private func forgetLists(of old: Settings) {
    let changed = placements.names.filter { settings.placements[$0] != old.placements[$0] }
    guard !changed.isEmpty else { return }
    l1.removeLists(of: changed)
    flights.disown()
  }

  // MARK: Connections from the acceptor.

  func take(_ handed: HandedConnection) {
    do throws(LoopError) {
      accepted(try ByteStream(loop: loop, adopting: handed.descriptor, isUnix: handed.isUnix), handed: handed)
    } catch { metrics.connectionsShed += 1 }
  }

  // MARK: The end.

  /// Connections with a request or an unread answer.
  func countUnderWay() -> Int {
    connections.count { connection in
      guard let connection else { return false }
      return connection.phase == .answering || connection.isInsideRequest || connection.queuedBytes > 0
    }
  }
}
