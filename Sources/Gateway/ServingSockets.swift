import Configuration
import Glibc
import Logging
import Reactor

/// The sockets that a gateway serves on, wherever they come from: bound here, opened by the service manager, or taken
/// over from the gateway that served before.
struct ServingSockets {
  /// Of the public listener: one an address, and only a service manager opens several.
  let claims: [AddressClaim]
  let adminClaim: AddressClaim
  /// The gateway that has them, too, until it is told to go.
  let takeover: Takeover?

  /// Nothing is accepted before a snapshot serves: who has them now answers meanwhile.
  var waitsToAccept: Bool { takeover?.isPredecessorReady == true }

  init(_ plan: ServingPlan, _ launch: Launch) throws {
    let takeover = launch.takesOver ? try Takeover(dataDirectory: plan.settings.dataDirectory) : nil
    self.takeover = takeover
    var found = Found(strategy: AcceptStrategy(rawValue: plan.settings.http.accept)!)
    if let takeover { found.take(takeover.takeSockets(), for: plan) } else { try found.take(launch.environment, for: plan) }
    if launch.takesOver && takeover == nil {
      Logger(label: "takeover").notice("nobody serves from this data folder: there is nothing to take over")
    }
    claims = try found.publicClaims(for: plan)
    adminClaim = try found.adminClaim(for: plan)
  }

  /// Descriptors by what they are for, before they are claims.
  private struct Found {
    let strategy: AcceptStrategy
    var isServiceManagers = false
    var publics: [(address: SocketAddress, descriptor: OwnedDescriptor)] = []
    var admins: [(address: SocketAddress, descriptor: OwnedDescriptor)] = []
    var isAdminServiceManagers = false

    init(strategy: AcceptStrategy) { self.strategy = strategy }

    /// A predecessor's sockets, but for those of an address that this configuration does not name any more: they are let
    /// go of here, and close with the predecessor. What the service manager opened is served whatever it is.
    mutating func take(_ sockets: [Takeover.Socket], for plan: ServingPlan) {
      for socket in sockets {
        switch socket.role {
        case .public where socket.isServiceManagers || plan.address.admits(socket.address):
          publics.append((socket.address, socket.descriptor))
          isServiceManagers = isServiceManagers || socket.isServiceManagers
        case .admin where socket.isServiceManagers || plan.adminAddress.admits(socket.address):
          admins.append((socket.address, socket.descriptor))
          isAdminServiceManagers = isAdminServiceManagers || socket.isServiceManagers
        case .public, .admin: break
        }
      }
    }

    /// What the service manager opened. `FileDescriptorName=admin` is the admin listener's, or the socket that has its
    /// address; every other one is public.
    mutating func take(_ environment: [String: String], for plan: ServingPlan) throws(ServerError) {
      let inherited: InheritedSockets
      do { inherited = try InheritedSockets(environment: environment) } catch { throw ServerError("\(error)") }
      InheritedSockets.forget()
      for socket in inherited.sockets {
        if socket.name == "admin" || socket.name != "public" && socket.address == plan.adminAddress {
          guard plan.token != nil || socket.address.isLoopback else {
            throw ServerError("the admin socket \(socket.address) is not loopback; set admin.tokenFile")
          }
          admins.append((socket.address, socket.descriptor))
          isAdminServiceManagers = true
        } else {
          publics.append((socket.address, socket.descriptor))
          isServiceManagers = true
        }
      }
    }

    func publicClaims(for plan: ServingPlan) throws -> [AddressClaim] {
      guard !publics.isEmpty else { return [try ServingSockets.bind(plan.address, "listen", strategy)] }
      let origin = isServiceManagers ? AddressClaim.Origin.serviceManager : .predecessor
      var byAddress: [(address: SocketAddress, sockets: [OwnedDescriptor])] = []
      for (address, descriptor) in publics {
        if let index = byAddress.firstIndex(where: { $0.address == address }) {
          byAddress[index].sockets.append(descriptor)
        } else {
          byAddress.append((address, [descriptor]))
        }
      }
      return try byAddress.map { try AddressClaim(adopting: $0.sockets, from: origin, strategy: strategy) }
    }

    func adminClaim(for plan: ServingPlan) throws -> AddressClaim {
      guard !admins.isEmpty else { return try ServingSockets.bind(plan.adminAddress, "admin.listen", .shared) }
      return try AddressClaim(
        adopting: admins.map(\.descriptor), from: isAdminServiceManagers ? .serviceManager : .predecessor,
        strategy: .shared)
    }
  }

  private static func bind(
    _ address: SocketAddress, _ key: String, _ strategy: AcceptStrategy
  ) throws(ServerError) -> AddressClaim {
    do throws(LoopError) { return try AddressClaim(address, strategy: strategy) } catch {
      guard error.code == EADDRINUSE else { throw ServerError("\(key): \(error)", .unavailable) }
      throw ServerError("\(address) is taken: another process listens there; end it, or listen elsewhere", .unavailable)
    }
  }
}

extension SocketAddress {
  /// Whether a socket that is bound to `other` is what this configured address asks for; port 0 asks for any.
  func admits(_ other: SocketAddress) -> Bool {
    self == other || port == 0 && !isUnix && SocketAddress(self, port: other.port) == other
  }
}
