import Glibc
@testable import Reactor
import Synchronization
import TestSupport
import Testing

@Suite struct ListenerTests {
  @Test func `a port in use is an error that names the address`() throws {
    let loop = try EventLoop()
    let first = try Listener(loop: loop, address: .anyPort) { _ in }
    let error = try #require(throws: LoopError.self) {
      _ = try Listener(loop: loop, address: first.address) { _ in }
    }
    #expect(error.code == EADDRINUSE)
    #expect(error.description == "EADDRINUSE: address already in use while binding \(first.address)")
  }

  @Test func `a claim of a port in use fails, even if its listeners share it`() throws {
    let loop = try EventLoop()
    let first = try Listener(loop: loop, address: .anyPort, share: .reusePort) { _ in }
    let error = try #require(throws: LoopError.self) { _ = try AddressClaim(first.address) }
    #expect(error.code == EADDRINUSE)
    #expect(error.address == first.address)
  }

  @Test func `a claimed port is shared by its listeners and refused to another claim`() throws {
    let loop = try EventLoop()
    let claim = try AddressClaim(.anyPort)
    #expect(claim.address.port != 0)
    let listeners = try (0..<3).map { _ in try Listener(loop: loop, sharing: claim) { _ in } }
    #expect(listeners.allSatisfy { $0.address == claim.address })
    #expect(throws: LoopError.self) { _ = try AddressClaim(claim.address) }
    #expect(throws: LoopError.self) { _ = try Listener(loop: loop, address: claim.address) { _ in } }
  }

  @Test(arguments: [false, true])
  func `connections spread over the workers of one address`(overUnix: Bool) throws {
    let folder = TemporaryFolder()
    let claim = try AddressClaim(overUnix ? SocketAddress(folder.file("w.sock")) : .anyPort)
    let workers = try (0..<3).map { _ in try EchoWorker(claim) }
    let loop = try EventLoop()
    var open = 60
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
    let accepted = workers.map { $0.stopAndCount() }
    #expect(clients.allSatisfy { $0.ends == ["closed here"] })
    #expect(accepted.reduce(0, +) == 60)
    // A unix socket's workers race for each connection; on a quiet machine one may win all.
    if !overUnix { #expect(accepted.allSatisfy { $0 > 0 }, "\(accepted)") }
  }

  @Test func `a path left by a killed process is taken over, one in use is not`() throws {
    let folder = TemporaryFolder()
    let address = try SocketAddress(folder.file("left.sock"))
    leaveSocketFile(at: address)
    let loop = try EventLoop()
    let listener = try Listener(loop: loop, address: address) { _ in }
    let error = try #require(throws: LoopError.self) { _ = try AddressClaim(address) }
    #expect(error.code == EADDRINUSE)
    listener.close()
  }

  @Test func `a path that is a plain file is left alone`() throws {
    let folder = TemporaryFolder()
    let path = folder.write("precious", to: "file")
    #expect(throws: LoopError.self) { _ = try AddressClaim(SocketAddress(path)) }
    #expect(access(path, F_OK) == 0)
  }

  @Test func `the path goes with the last listener`() throws {
    let folder = TemporaryFolder()
    let path = folder.file("gone.sock")
    do {
      let loop = try EventLoop()
      let listener = try Listener(loop: loop, address: SocketAddress(path)) { _ in }
      #expect(access(path, F_OK) == 0)
      listener.close()
    }
    #expect(access(path, F_OK) != 0)
  }

  @Test func `an adopted descriptor accepts`() throws {
    let loop = try EventLoop()
    let original = try Listener(loop: loop, address: .anyPort) { _ in Issue.record("the closed listener accepted") }
    let handed = dup(try #require(original.fileDescriptor))
    original.close()
    #expect(original.fileDescriptor == nil)
    let successor = try Listener(loop: loop, adopting: handed) { stream in
      let recorder = Recorder(stream)
      recorder.stream.start(recorder)
      loop.stop()
    }
    #expect(successor.address == original.address)
    _ = Recorder.connect(loop, to: successor.address)
    loop.runToEnd()
  }

  @Test func `adopting what is no socket says so`() throws {
    let loop = try EventLoop()
    let file = open("/dev/null", O_RDONLY)
    let error = try #require(throws: LoopError.self) { _ = try Listener(loop: loop, adopting: file) { _ in } }
    #expect(error.code == ENOTSOCK)
    close(file)
  }

  @Test func `a closed listener accepts nothing more and its streams go on`() throws {
    let loop = try EventLoop()
    var listener: Listener?
    listener = try listen(loop) { server in
      echo(server)
      listener!.close()
    }
    let address = listener!.address
    let first = Recorder.connect(loop, to: address)
    first.onConnected = { $0.write("still here") }
    first.onReceived = { [loop] first, _ in
      let second = Recorder.connect(loop, to: address)
      second.onEnded = { second in
        #expect(second.ends == ["failed ECONNREFUSED"])
        first.stream.close()
      }
    }
    loop.runToEnd()
    #expect(first.text == "still here")
  }

  @Test func `a paused listener leaves connections waiting, and takes them all when resumed`() throws {
    let loop = try EventLoop()
    var accepted = 0
    let listener = try Listener(loop: loop, address: .anyPort) { _ in
      accepted += 1
      if accepted == 5 { loop.stop() }
    }
    listener.pauseAccepting()
    let clients = (0..<5).map { _ in Recorder.connect(loop, to: listener.address) }
    let later = Timer(loop: loop) {
      #expect(accepted == 0)
      #expect(clients.allSatisfy { $0.events == ["connected"] }, "the kernel completes them")
      listener.resumeAccepting()
    }
    later.start(milliseconds: 30)
    loop.runToEnd()
    #expect(accepted == 5)
  }

  @Test func `a stopped loop takes no new listener`() throws {
    let loop = try EventLoop()
    loop.stop()
    let error = try #require(throws: LoopError.self) { _ = try Listener(loop: loop, address: .anyPort) { _ in } }
    #expect(error.code == ECANCELED)
  }

  private func leaveSocketFile(at address: SocketAddress) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: address.unixPath!.utf8) }
    let status = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(status == 0)
    close(descriptor)
  }
}

/// A loop on a thread of its own that echoes, as the gateway's workers do.
final class EchoWorker: Sendable {
  private let thread: LoopThread
  private let mailbox: Mailbox<Bool>
  private let shared: Shared

  private final class Shared: Sendable {
    let accepted = Atomic(0)
    let mailbox = Guarded<Mailbox<Bool>?>(nil)
  }

  init(_ claim: AddressClaim) throws {
    let shared = Shared()
    self.shared = shared
    thread = try LoopThread.spawn(name: "echo worker") {
      let loop = try! EventLoop()
      let listener = try! Listener(loop: loop, sharing: claim) { stream in
        shared.accepted.add(1, ordering: .relaxed)
        let recorder = Recorder(stream)
        echo(recorder)
        recorder.stream.start(recorder)
      }
      let mailbox = try! Mailbox<Bool>(loop: loop) { _ in loop.stop() }
      shared.mailbox.withLock { $0 = mailbox }
      loop.run()
      withExtendedLifetime(listener) {}
    }
    var found: Mailbox<Bool>?
    while found == nil {
      found = shared.mailbox.withLock { $0 }
      usleep(1000)
    }
    mailbox = found!
  }

  func stopAndCount() -> Int {
    mailbox.post(true)
    thread.join()
    return shared.accepted.load(ordering: .relaxed)
  }
}
