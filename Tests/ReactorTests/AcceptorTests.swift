import Glibc
import TestSupport
import Testing

@testable import Reactor

@Suite struct AcceptorTests {
  @Test(arguments: [false, true])
  func `accepted connections are served by the loop that they are handed to`(overUnix: Bool) throws {
    let folder = TemporaryFolder()
    let claim = try AddressClaim(overUnix ? SocketAddress(folder.file("a.sock")) : .anyPort, strategy: .handover)
    let loop = try EventLoop()
    let server = try EventLoop()
    let mailbox = try Mailbox<OwnedDescriptor>(loop: server) { descriptor in
      let recorder = Recorder(try! ByteStream(loop: server, adopting: descriptor, isUnix: overUnix))
      echo(recorder)
      recorder.stream.start(recorder)
    }
    let thread = try LoopThread.spawn(name: "server") { [server = Carried(server)] in server.value.run() }
    let acceptor = try Acceptor(loop: loop, adopting: claim.open(0, of: 1)[0]) { mailbox.post($0) }
    var open = 100
    let clients = (0..<open).map { index in
      let client = Recorder.connect(loop, to: claim.address)
      client.onConnected = { $0.write("client \(index)") }
      client.onReceived = { client, _ in if client.text == "client \(index)" { client.stream.close() } }
      client.onEnded = { [loop] _ in
        open -= 1
        if open == 0 { loop.stop() }
      }
      return client
    }
    loop.runToEnd()
    mailbox.close()
    thread.join()
    #expect(clients.allSatisfy { $0.ends == ["closed here"] })
    #expect(acceptor.failedAccepts == 0)
  }

  @Test func `a descriptor that nobody takes is closed`() throws {
    let claim = try AddressClaim(.anyPort, strategy: .handover)
    let loop = try EventLoop()
    let acceptor = try Acceptor(loop: loop, adopting: claim.open(0, of: 1)[0]) { _ in }
    let client = Recorder.connect(loop, to: claim.address)
    client.onEnded = { [loop] _ in loop.stop() }
    loop.runToEnd()
    #expect(client.ends == ["closed by peer"] || client.ends == ["failed ECONNRESET"], "\(client.ends)")
    withExtendedLifetime(acceptor) {}
  }
}

/// Hands a value to the one thread that uses it.
private final class Carried<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

@Suite struct AddressClaimTests {
  private func accepts(_ socket: Int32) -> Int {
    var count = 0
    while true {
      let accepted = accept(socket, nil, nil)
      guard accepted >= 0 else { return count }
      close(accepted)
      count += 1
    }
  }

  private func listening(_ claim: AddressClaim, _ index: Int, of count: Int) throws -> [OwnedDescriptor] {
    let sockets = try claim.open(index, of: count)
    for socket in sockets { #expect(listen(socket.number, 128) == 0) }
    return sockets
  }

  @Test func `each strategy gives each loop what it should accept from`() throws {
    for (strategy, expected) in [(AcceptStrategy.reuseport, 3), (.shared, 1), (.handover, 1)] {
      let claim = try AddressClaim(.anyPort, strategy: strategy)
      for index in 0..<3 { #expect(try claim.open(index, of: 3).count == 1) }
      #expect(claim.descriptors.count == expected, "\(strategy)")
    }
  }

  @Test func `fewer loops than before serve all sockets, more join with their own`() throws {
    let first = try AddressClaim(.anyPort)
    for index in 0..<4 { _ = try first.open(index, of: 4) }
    let handed = try first.descriptors.map { OwnedDescriptor(try OwnedDescriptor.duplicate($0)) }
    let second = try AddressClaim(adopting: handed, from: .predecessor)
    #expect(try (0..<3).map { try second.open($0, of: 3).count } == [2, 1, 1])
    #expect(try second.open(5, of: 6).count == 1)
    #expect(second.descriptors.count == 6)
    #expect(second.address == first.address)
  }

  @Test func `a service manager's socket is shared, and nothing is done to it`() throws {
    let manager = try AddressClaim(.anyPort, strategy: .shared)
    let owned = try listening(manager, 0, of: 1)
    let given = OwnedDescriptor(try OwnedDescriptor.duplicate(owned[0].number))
    let claim = try AddressClaim(adopting: [given], from: .serviceManager)
    #expect(try (0..<2).map { try claim.open($0, of: 2).count } == [1, 1])
    #expect(claim.descriptors.count == 1)
    claim.stopArrivals()
    claim.close()
    let client = try #require(HTTPClient(port: Int(manager.address.port)))
    #expect(accepts(owned[0].number) == 1)
    withExtendedLifetime(client) {}
  }

  @Test func `once arrivals are stopped what has come is accepted and nothing new comes`() throws {
    let claim = try AddressClaim(.anyPort, strategy: .shared)
    let sockets = try listening(claim, 0, of: 1)
    let clients = (0..<5).map { _ in HTTPClient(port: Int(claim.address.port))! }
    claim.stopArrivals()
    #expect(accepts(sockets[0].number) == 5)
    let late = connectWithoutWaiting(to: claim.address)
    defer { close(late) }
    usleep(50_000)
    #expect(accepts(sockets[0].number) == 0)
    var status = pollfd(fd: late, events: Int16(POLLOUT), revents: 0)
    #expect(poll(&status, 1, 0) == 0, "its SYN was dropped, so it is neither connected nor refused")
    withExtendedLifetime(clients) {}
  }

  @Test func `a connection that began before is completed after arrivals were stopped`() throws {
    let claim = try AddressClaim(.anyPort, strategy: .shared)
    let sockets = try listening(claim, 0, of: 1)
    let clients = (0..<200).map { _ in connectWithoutWaiting(to: claim.address) }
    claim.stopArrivals()
    usleep(20_000)
    let accepted = accepts(sockets[0].number)
    var connected = 0
    for client in clients {
      var status = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
      if poll(&status, 1, 0) > 0, Int32(status.revents) & POLLERR == 0 { connected += 1 }
      close(client)
    }
    #expect(accepted == connected, "whoever was told that it is connected was accepted")
    #expect(connected > 0)
  }

  @Test func `a path goes when arrivals stop, but not when it was handed over`() throws {
    let folder = TemporaryFolder()
    let path = folder.file("p.sock")
    let claim = try AddressClaim(SocketAddress(path))
    let sockets = try listening(claim, 0, of: 1)
    let client = try #require(HTTPClient(path: path))
    claim.stopArrivals()
    #expect(access(path, F_OK) != 0 && accepts(sockets[0].number) == 1)
    let other = try AddressClaim(SocketAddress(path))
    let next = try AddressClaim(
      adopting: [OwnedDescriptor(try OwnedDescriptor.duplicate(other.descriptors[0]))], from: .predecessor)
    other.handedOver()
    #expect(access(path, F_OK) == 0 && other.descriptors.isEmpty)
    next.takenOver()
    next.close()
    #expect(access(path, F_OK) != 0)
    withExtendedLifetime(client) {}
  }

  /// A socket on which a connection has begun.
  private func connectWithoutWaiting(to address: SocketAddress) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_INET, kind, 0)
    _ = address.withKernelForm { connect(descriptor, $0, $1) }
    return descriptor
  }
}
