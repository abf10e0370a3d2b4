import Glibc
import TestSupport
import Testing

@testable import Reactor

/// Two ends of a conversation, met through a door.
private func conversation() throws -> (DescriptorChannel, DescriptorChannel) {
  let folder = TemporaryFolder()
  let loop = try EventLoop()
  var called: DescriptorChannel?
  let door = try DescriptorDoor(loop: loop, path: folder.file("door.sock")) { [unowned loop] in
    called = $0
    loop.stop()
  }
  let caller = try DescriptorChannel.connect(toPath: folder.file("door.sock"))
  loop.runToEnd()
  withExtendedLifetime(door) {}
  return (caller, try #require(called))
}

@Suite struct DescriptorChannelTests {
  @Test func `a descriptor arrives as another name of the same open file`() throws {
    let (caller, called) = try conversation()
    let folder = TemporaryFolder()
    let file = open(folder.file("shared"), O_RDWR | O_CREAT, 0o600)
    defer { close(file) }
    try called.send("here", descriptors: [file, file])
    #expect(caller.awaitMessage(milliseconds: 5000))
    let message = try #require(try caller.receive())
    #expect(message.text == "here" && message.descriptors.count == 2)
    let received = message.descriptors[0].number
    #expect(received != file)
    #expect(write(received, "abc", 3) == 3)
    #expect(lseek(file, 0, SEEK_CUR) == 3, "the offset belongs to the open file, not to the descriptor")
    #expect(fcntl(received, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func `each message is whole, in order, and the end is an error`() throws {
    let (caller, called) = try conversation()
    try caller.send("one")
    try caller.send(String(repeating: "x", count: DescriptorChannel.messageBytesMax))
    #expect(try called.receive()?.text == "one")
    #expect(try called.receive()?.text.utf8.count == DescriptorChannel.messageBytesMax)
    #expect(try called.receive() == nil)
    withExtendedLifetime(caller) {}
  }

  @Test func `who goes is noticed`() throws {
    let called: DescriptorChannel
    do {
      let (caller, other) = try conversation()
      called = other
      withExtendedLifetime(caller) {}
    }
    let error = #expect(throws: LoopError.self) { _ = try called.receive() }
    #expect(error?.code == ECONNRESET)
  }

  @Test func `the most descriptors that one message may carry come through`() throws {
    let (caller, called) = try conversation()
    let files = (0..<DescriptorChannel.descriptorsMax).map { _ in open("/dev/null", O_RDONLY) }
    defer { for file in files { close(file) } }
    try called.send("many", descriptors: files)
    #expect(caller.awaitMessage(milliseconds: 5000))
    let message = try #require(try caller.receive())
    #expect(Set(message.descriptors.map(\.number)).count == files.count)
  }

  @Test func `a descriptor that nobody takes is closed`() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    do {
      let (caller, called) = try conversation()
      try called.send("here", descriptors: [ends[1]])
      close(ends[1])
      #expect(caller.awaitMessage(milliseconds: 5000))
      _ = try caller.receive()
    }
    // A pipe ends when nobody has its writing end any more.
    var status = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
    #expect(poll(&status, 1, 5000) == 1 && Int32(status.revents) & POLLHUP != 0)
  }

  @Test func `the peer is known by its user and process`() throws {
    let (caller, called) = try conversation()
    #expect(called.peer?.userID == geteuid() && called.peer?.processID == getpid())
    #expect(caller.peer?.processID == getpid())
  }

  @Test func `a door is its owner's alone, and a newer one is left standing by the older`() throws {
    let folder = TemporaryFolder()
    let path = folder.file("door.sock")
    let loop = try EventLoop()
    let older = try DescriptorDoor(loop: loop, path: path) { _ in }
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    let newer = try DescriptorDoor(loop: loop, path: path) { _ in }
    older.close()
    #expect(access(path, F_OK) == 0)
    newer.close()
    #expect(access(path, F_OK) != 0)
  }

  @Test func `without a door there is nobody to ask`() {
    let folder = TemporaryFolder()
    let error = #expect(throws: LoopError.self) { _ = try DescriptorChannel.connect(toPath: folder.file("none")) }
    #expect(error?.code == ENOENT)
  }
}
