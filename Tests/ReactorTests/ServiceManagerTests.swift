import Glibc
import TestSupport
import Testing

@testable import Reactor

/// The service manager's side of its protocols. One test at a time: two of them claim high descriptors by number.
@Suite(.serialized) struct ServiceManagerTests {
  @Test(arguments: [false, true])
  func `a notification is one datagram at the socket that was named`(isAbstract: Bool) throws {
    let folder = TemporaryFolder()
    let name = isAbstract ? "@needletail-test-\(getpid())-\(UInt64.random(in: 0 ... .max))" : folder.file("notify.sock")
    let manager = NotificationSocket(name)
    let notifier = try #require(ServiceNotifier(socket: name))
    #expect(notifier.send("READY=1\nSTATUS=serving"))
    #expect(notifier.send("STOPPING=1"))
    #expect(manager.next() == "READY=1\nSTATUS=serving")
    #expect(manager.next() == "STOPPING=1")
  }

  @Test func `nobody to tell, or nobody there, is no failure`() throws {
    #expect(ServiceNotifier(socket: nil) == nil)
    #expect(ServiceNotifier(socket: "") == nil)
    #expect(ServiceNotifier(socket: "relative/path") == nil)
    #expect(ServiceNotifier(socket: "/" + String(repeating: "x", count: 200)) == nil)
    let folder = TemporaryFolder()
    #expect(try #require(ServiceNotifier(socket: folder.file("gone.sock"))).send("READY=1") == false)
  }

  // Descriptors from 3 on belong to the test's process, so a high number stands for the first.
  @Test func `sockets come by name, in order, closed on exec`() throws {
    let listener = try AddressClaim(.anyPort, strategy: .shared)
    let first = highDescriptor(of: listener.descriptors[0])
    let second = dup2(listener.descriptors[0], first + 1)
    let environment = ["LISTEN_FDS": "2", "LISTEN_PID": "77", "LISTEN_FDNAMES": "public:admin"]
    let inherited = try InheritedSockets(environment: environment, processID: 77, firstDescriptor: first)
    #expect(inherited.sockets.map(\.name) == ["public", "admin"])
    #expect(inherited.sockets.allSatisfy { $0.address == listener.address })
    #expect(inherited.sockets.map(\.descriptor.number) == [first, second])
    #expect(fcntl(first, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func `a promise to another process is none`() throws {
    let environments: [[String: String]] = [
      [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "77"], ["LISTEN_FDS": "1", "LISTEN_PID": "78"],
      ["LISTEN_FDS": "1", "LISTEN_PID": "x"],
    ]
    for environment in environments {
      let inherited = try InheritedSockets(environment: environment, processID: 77, firstDescriptor: 3)
      #expect(inherited.sockets.isEmpty)
    }
  }

  @Test func `what is no stream socket is named`() throws {
    let file = open("/dev/null", O_RDONLY)
    let first = highDescriptor(of: file)
    defer { close(file) }
    let environment = ["LISTEN_FDS": "1", "LISTEN_PID": "77", "LISTEN_FDNAMES": "log"]
    let error = #expect(throws: InheritedSocketsError.self) {
      _ = try InheritedSockets(environment: environment, processID: 77, firstDescriptor: first)
    }
    #expect(error?.description == "LISTEN_FDS: descriptor \(first) (log) is not a stream socket")
    #expect(fcntl(first, F_GETFD) >= 0, "it is not ours to close")
    close(first)
  }

  @Test(arguments: ["-1", "257", "many", ""])
  func `a number that cannot be is refused`(count: String) {
    #expect(throws: InheritedSocketsError.self) {
      _ = try InheritedSockets(
        environment: ["LISTEN_FDS": count, "LISTEN_PID": "77"], processID: 77, firstDescriptor: 3)
    }
  }

  /// A duplicate above all that tests which run beside this one will open.
  private func highDescriptor(of descriptor: Int32) -> Int32 { fcntl(descriptor, F_DUPFD, 900) }
}
