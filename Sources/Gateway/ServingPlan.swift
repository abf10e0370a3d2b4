public import Configuration
import Memcached
import Publishing
import Reactor

/// What a configuration comes to once its addresses, filters, nodes and files are read: all that can be wrong with it
/// beyond the forms of its keys. `check-config` makes one and drops it; a server is made of one. Opens no socket.
public struct ServingPlan: Sendable {
  let settings: Settings
  let address: SocketAddress
  let adminAddress: SocketAddress
  /// What admin calls must carry.
  let token: String?
  let placements: Placements
  /// Who may sign what is served.
  let keyring: Keyring
  private let location: RepositoryLocation

  /// Throws a sentence that begins with the key at fault.
  public init(_ settings: Settings) throws(ServerError) { try self.init(settings, after: nil) }

  /// - Parameter placements: those in force, whose numbers stay theirs.
  init(_ settings: Settings, after placements: Placements?) throws(ServerError) {
    self.settings = settings
    address = try ServingPlan.address("listen", settings.listen)
    adminAddress = try ServingPlan.address("admin.listen", settings.adminListen)
    token = try ServingPlan.token(settings)
    guard token != nil || adminAddress.isLoopback else {
      throw ServerError("admin.listen: \(adminAddress) is not loopback; set admin.tokenFile, or listen on 127.0.0.1")
    }
    location = try ServingPlan.location(settings)
    self.placements = try Placements(settings, after: placements)
    do throws(SigningError) { keyring = try Keyring(filesOrKeys: settings.trustKeys) } catch {
      throw ServerError("trust.keys: \(error)")
    }
    try ServingPlan.checkNodes(settings)
    if let path = settings.identityKeyFile { _ = try IdentityKeyFile.read(path) }
  }

  private static func address(_ key: String, _ text: String) throws(ServerError) -> SocketAddress {
    do throws(LoopError) { return try SocketAddress(text) } catch { throw ServerError("\(key): \"\(text)\": \(error)") }
  }

  private static func location(_ settings: Settings) throws(ServerError) -> RepositoryLocation {
    do throws(RepositoryLocation.Mistake) {
      let location = try RepositoryLocation(parsing: settings.repository)
      _ = try location.open(RepositoryAccess(settings))
      return location
    } catch { throw ServerError("repository: \(error)") }
  }

  /// - Parameter isCancelled: asked while something is fetched.
  func repository(isCancelled: @escaping @Sendable () -> Bool) -> any Repository {
    var access = RepositoryAccess(settings)
    access.isCancelled = isCancelled
    return try! location.open(access)  // It could be opened when the plan was made.
  }

  private static func token(_ settings: Settings) throws(ServerError) -> String? {
    guard let path = settings.adminTokenFile else { return nil }
    do { return try secret(inFile: path) } catch { throw ServerError("admin.tokenFile: \(error.detail)") }
  }

  private static func checkNodes(_ settings: Settings) throws(ServerError) {
    guard !settings.memcachedServers.isEmpty else { return }
    do { _ = try Ring(nodes: settings.memcachedServers.map { try NodeAddress(parsing: $0) }) } catch {
      throw ServerError("memcached.servers: \(error)")
    }
  }
}
