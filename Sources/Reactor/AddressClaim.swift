internal import Clibuv
internal import Glibc

/// How the connections of one address come to several loops.
public enum AcceptStrategy: String, Sendable, CaseIterable {
  /// A socket a loop: the kernel spreads connections over them by a hash of their addresses (SO_REUSEPORT).
  case reuseport
  /// One socket in every loop: whichever looks first takes the connection.
  case shared
  /// One socket, one thread that accepts and hands each connection to the loop with the fewest.
  case handover
}

/// An address and its sockets, held for the loops that listen on them and for a process that may take them over.
///
/// With SO_REUSEPORT a second process of the same user can join a port in silence and take part of its connections
/// (typesense PR #2984). So the first socket is bound *without* it, which fails when anybody is there, and only then is
/// the option set on it: further sockets may join, and the port is never let go in between. A unix path has no such
/// sharing: its loops listen on duplicates of one socket.
///
/// The claim keeps its sockets open until `close`, whatever becomes of the listeners: a socket is the kernel's until
/// its last descriptor goes, and it is these descriptors that a successor is given.
public final class AddressClaim: Sendable {
  /// Who else may have the sockets.
  public enum Origin: Sendable {
    /// Bound here: nobody.
    case bound
    /// Handed over by the process that served before.
    case predecessor
    /// The service manager opened them and keeps them, so that connections wait there while nobody serves.
    case serviceManager
  }

  private struct State {
    var sockets: [Int32]
    /// The path that goes with the claim; nil for none, or when it is another's.
    var file: FileIdentity?
    var opened = 0
  }

  /// As bound: with the port that the kernel chose for port 0.
  public let address: SocketAddress
  public let origin: Origin
  private let state: Guarded<State>
  /// Whether loops get sockets of their own.
  private let spreads: Bool
  /// Where a simulated claim holds its address. A world has one thread.
  private nonisolated(unsafe) let world: SimulatedWorld?

  /// Throws `EADDRINUSE`, naming the address, if anybody listens there.
  public init(_ address: SocketAddress, strategy: AcceptStrategy = .reuseport) throws(LoopError) {
    let descriptor = try ListeningSocket.bound(to: address, share: .none)
    self.address = SocketAddress(of: descriptor, asking: getsockname) ?? address
    origin = .bound
    world = nil
    spreads = strategy == .reuseport && !address.isUnix
    state = Guarded(State(sockets: [descriptor], file: address.unixPath.flatMap { FileIdentity($0) }))
    if spreads { try ListeningSocket.enable(SO_REUSEPORT, descriptor, address) }
  }

  /// Takes over bound sockets of one address, at least one. What they are given is owned by the claim.
  public init(
    adopting sockets: [OwnedDescriptor], from origin: Origin, strategy: AcceptStrategy = .reuseport
  ) throws(LoopError) {
    guard let first = sockets.first, let address = SocketAddress(of: first.number, asking: getsockname) else {
      throw LoopError(code: ENOTSOCK, while: "adopting a listening socket")
    }
    self.address = address
    self.origin = origin
    world = nil
    // More sockets may join those of a predecessor, which is the same user; the service manager is another one.
    spreads = origin == .predecessor && strategy == .reuseport && !address.isUnix
    // A path is its predecessor's until that one has gone.
    state = Guarded(State(sockets: sockets.map { $0.take() }, file: nil))
    if spreads { for socket in descriptors { try ListeningSocket.enable(SO_REUSEPORT, socket, address) } }
  }

  /// An address of a simulated world, for loops of it.
  package init(_ address: SocketAddress, in world: SimulatedWorld) {
    self.address = address
    origin = .bound
    self.world = world
    spreads = false
    state = Guarded(State(sockets: [], file: nil))
  }

  deinit { close() }

  /// The claim's own; valid until it is closed.
  public var descriptors: [Int32] { state.withLock { $0.sockets } }

  /// Descriptors for loop `index` of `count` to listen on, which the caller owns. Every socket is somebody's: one that
  /// nobody accepts from would keep the connections that the kernel gives it. Where there are fewer sockets than loops,
  /// loops share.
  public func open(_ index: Int, of count: Int) throws(LoopError) -> [OwnedDescriptor] {
    if let world { return [OwnedDescriptor(try world.bind(address, sharing: true))] }
    try joinSockets(upTo: count)
    let sockets = descriptors
    guard !sockets.isEmpty else { throw LoopError(code: ECANCELED, while: "listening on", address: address) }
    let own =
      sockets.count >= count
      ? stride(from: index, to: sockets.count, by: count).map { sockets[$0] } : [sockets[index % sockets.count]]
    var opened: [OwnedDescriptor] = []
    for socket in own { opened.append(OwnedDescriptor(try OwnedDescriptor.duplicate(socket))) }
    return opened
  }

  /// The next loop's descriptor, when their number is not known beforehand.
  func openNext() throws(LoopError) -> OwnedDescriptor {
    if let world { return OwnedDescriptor(try world.bind(address, sharing: true)) }
    let next = state.withLock { state in
      defer { state.opened += 1 }
      return state.opened
    }
    if spreads { try joinSockets(upTo: next + 1) }
    let sockets = descriptors
    return OwnedDescriptor(try OwnedDescriptor.duplicate(sockets[next % sockets.count]))
  }

  /// One loop after the other: two at once would each see one socket too few.
  private func joinSockets(upTo count: Int) throws(LoopError) {
    guard spreads else { return }
    let failure = state.withLock { state -> LoopError? in
      while state.sockets.count < count {
        do throws(LoopError) { state.sockets.append(try ListeningSocket.bound(to: address, share: .reusePort)) } catch {
          return error
        }
      }
      return nil
    }
    // A predecessor's may be of a kind that nobody can join; then the loops share what there is.
    if let failure, origin != .predecessor { throw failure }
  }

  /// Lets no further connection begin, so that a moment later the sockets can be closed without a loss. Not those of a
  /// service manager, which go on. A unix path goes at once: who comes now finds nothing.
  public func stopArrivals() {
    guard origin != .serviceManager else { return }
    removePath()
    if !address.isUnix { for socket in descriptors { ListeningSocket.stopArrivals(socket) } }
  }

  /// The predecessor has let go: its path, if that is what the address is, goes with this claim from now on.
  public func takenOver() {
    guard origin == .predecessor, let file = address.unixPath.flatMap({ FileIdentity($0) }) else { return }
    state.withLock { $0.file = file }
  }

  /// Lets go of the sockets here; those that a successor was given go on, and so does their path.
  public func handedOver() {
    state.withLock { $0.file = nil }
    close()
  }

  /// Closes the sockets, of which loops may still have duplicates.
  public func close() {
    removePath()
    let sockets = state.withLock { state in
      defer { state.sockets = [] }
      return state.sockets
    }
    for socket in sockets { Glibc.close(socket) }
  }

  /// Only the file that was made here: a successor may have put its own socket at the path.
  private func removePath() {
    let file = state.withLock { state in
      defer { state.file = nil }
      return state.file
    }
    guard let file, let path = address.unixPath, FileIdentity(path) == file else { return }
    unlink(path)
  }
}
