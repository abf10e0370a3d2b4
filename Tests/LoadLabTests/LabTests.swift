import FoundationEssentials
import Testing

@testable import LoadLab

/// Real programs; what is not installed is skipped.
@Suite(.serialized) struct LabTests {
  /// Any program: these tests start no gateway.
  private static let anyProgram = "/bin/true"
  static let hasMemcached = findProgram("memcached") != nil
  /// It is compiled here.
  static let hasFloor = findProgram("cc") != nil && Checkout.root != nil

  @Test(.enabled(if: hasMemcached)) func `memcached starts, keeps values, stops, goes on and starts again empty`()
    throws
  {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let memcached = try MemcachedProcess(lab)
    #expect(memcached.process.isAlive)
    try memcached.store(["a": Array("1".utf8), "b": Array("22".utf8)])
    #expect(memcached.statistic("curr_items") == 2)

    memcached.process.send(.stop)
    #expect(ProcessTable.stat(of: memcached.process.pid)?.state == "T")
    memcached.process.send(.resume)
    #expect(memcached.statistic("curr_items") == 2)

    let first = memcached.process.pid
    memcached.process.kill()
    #expect(memcached.process.exitCode == 137)
    #expect(!answers(port: memcached.port))
    try memcached.restart()
    #expect(memcached.process.pid != first)
    #expect(memcached.statistic("curr_items") == 0)
  }

  @Test(.enabled(if: hasMemcached)) func `what a lab started ends with it, also when it was stopped`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    let memcached = try MemcachedProcess(lab)
    let pid = memcached.process.pid, folder = lab.folder
    #expect(FileManager.default.fileExists(atPath: folder))
    memcached.process.send(.stop)
    lab.end()
    #expect(ProcessTable.stat(of: pid) == nil)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test func `a program that ends before it is ready is told of with its last words`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let process = try lab.start("shouter", ["sh", "-c", "echo cannot bind; exit 3"])
    let error = #expect(throws: LabError.self) {
      try process.wait(for: "connection", within: 5) { () throws(LabError) in false }
    }
    #expect(error?.description == "shouter ended with 3 before connection:\n    cannot bind")
  }

  @Test func `a program that is not installed is named with its package`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    #expect(
      throws: LabError.missing(
        "needletail-no-such-program is not installed: apt-get install needletail-no-such-program")
    ) {
      try lab.start("x", ["needletail-no-such-program"])
    }
  }

  @Test func `settings of the caller's do not reach what is measured`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    #expect(try !lab.run("env", ["env"], within: 5).contains("NEEDLETAIL_"))
  }

  @Test(.enabled(if: findProgram("taskset") != nil)) func `a pinned process has one processor`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let status = try lab.run("cat", ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"], within: 5)
    #expect(ProcessTable.field("Cpus_allowed_list", of: status).map { Machine.parseList($0) } == lab.machine.cpus)
    let pinned = try lab.start(
      "cat", ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"], cpus: [lab.machine.serverCPU])
    #expect(pinned.waitForEnd(within: 5))
    #expect(
      ProcessTable.field("Cpus_allowed_list", of: pinned.output).map { Machine.parseList($0) } == [
        lab.machine.serverCPU
      ])
  }

  @Test(.enabled(if: hasFloor))
  func `the floor answers with as many bytes as it was told`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    for bytes in [300, 1007] {
      let floor = try lab.floor(answerBytes: bytes)
      #expect(HTTPAnswer.ask(port: floor.port, "/")?.bytesInAll == bytes)
    }
  }

  @Test(.enabled(if: findProgram("nginx") != nil && hasMemcached))
  func `nginx answers with as many bytes as it was told, from its configuration and from memcached`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    #expect(try HTTPAnswer.ask(port: lab.nginxReturn(answerBytes: 1207).port, "/")?.bytesInAll == 1207)
    let memcached = try MemcachedProcess(lab)
    let through = try lab.nginxMemcached(answerBytes: 1207, from: memcached, keys: ["p1", "p2"])
    #expect(HTTPAnswer.ask(port: through.port, "/?key=p2")?.bytesInAll == 1207)
  }

  @Test(.enabled(if: findProgram("varnishd") != nil && findProgram("nginx") != nil))
  func `varnish answers with as many bytes as it was told, again and again`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let varnish = try lab.varnish(answerBytes: 1207)
    for _ in 0..<12 { #expect(HTTPAnswer.ask(port: varnish.port, "/")?.bytesInAll == 1207) }
    #expect(varnish.process.pids.count > 1)
  }

  @Test(.enabled(if: hasMemcached)) func `a lying peer tells the truth until it is told to lie`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let memcached = try MemcachedProcess(lab)
    try memcached.store(["a": Array("true".utf8)])
    let peer = try LyingPeer(before: memcached)
    defer { peer.end() }
    // A connection cannot be copied, so no #require takes it.
    guard let socket = BlockingSocket(port: peer.port) else { throw LabError.trouble("the peer takes no connection") }
    socket.send(Array("mg a v O17\r\n".utf8))
    #expect(socket.receive() == Array("VA 4 O17\r\ntrue\r\n".utf8))
    peer.tell(.wrongOpaque)
    socket.send(Array("mg a v O17\r\n".utf8))
    #expect(socket.receive() == Array("VA 4 O11\r\ntrue\r\n".utf8))
    // Two replies in two pieces: the second must not wait for the first one's acknowledgement.
    peer.tell(nil)
    let began = monotonicSeconds()
    for _ in 0..<20 {
      socket.send(Array("mg a v O17\r\nmg a v O18\r\n".utf8))
      var bytes = 0
      while bytes < 2 * "VA 4 O17\r\ntrue\r\n".utf8.count { bytes += socket.receive()?.count ?? 1_000 }
    }
    // With delays it takes 0.8 s.
    #expect(monotonicSeconds() - began < 0.4)
    peer.tell(.serverError, every: 2)
    var errors = 0
    for _ in 0..<10 {
      socket.send(Array("mg a v O17\r\n".utf8))
      let reply = socket.receive()
      errors += reply == Array("SERVER_ERROR out of memory\r\n".utf8) ? 1 : 0
    }
    #expect(errors == 5)
    #expect(peer.lies == 6)
  }

  @Test(.enabled(if: hasFloor))
  func `a watch asks on kept connections, hears complaints and notices that nobody answers`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let floor = try lab.floor(answerBytes: 400)
    let watch = Watch(port: floor.port, targets: ["/a", "/b"], perSecond: 500, connections: 2) {
      connection, target, answer in
      (target == "/a") == (connection == 0) && answer.bytesInAll == 400 ? nil : "\(target) on \(connection)"
    }
    pause(seconds: 0.3)
    let quiet = watch.stop()
    #expect(quiet.asked > 5)
    #expect(quiet.wrong == 0, "\(quiet.complaints)")

    let impatient = Watch(port: floor.port, targets: ["/"], perSecond: 500, keepsAlive: false)
    pause(seconds: 0.1)
    floor.process.kill()
    pause(seconds: 0.1)
    let refused = impatient.stop()
    #expect(refused.wrong > 0)
    #expect(refused.complaints.first == "/: no answer")
  }

  @Test(.enabled(if: hasFloor))
  func `slow clients stand until they are told to go, and are opened again where they were ended`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let floor = try lab.floor(answerBytes: 400)
    // Who reads nothing never learns that nobody writes any more.
    let slow = SlowClients(port: floor.port, count: 60, manners: [.head, .body, .silent])
    #expect(try waitUntil(within: 5) { slow.standing == 60 })
    #expect(slow.seen.closedByServer == 0)
    let before = ProcessTable.openDescriptors(floor.process.pid)!
    #expect(before > 60)
    floor.process.kill()
    #expect(try waitUntil(within: 5) { slow.standing == 0 })
    let summary = slow.stop()
    // A busy kernel may still take one or two while the process dies.
    #expect(summary.opened >= 60)
    #expect(summary.closedByServer == summary.opened)
    #expect(summary.refused > 0)
  }

  @Test(.enabled(if: hasFloor && findProgram("wrk") != nil))
  func `a second of wrk costs the floor some microseconds a request`() throws {
    let lab = try Lab(needletail: Self.anyProgram)
    defer { lab.end() }
    let floor = try lab.floor(answerBytes: 400)
    let cost = try lab.measure(
      port: floor.port, targets: ["/a", "/b"], processes: [floor.process], seconds: 1, connections: 4,
      cpus: [lab.machine.loadCPU])
    #expect(cost.figures.errors == 0)
    #expect(cost.figures.requests > 100)
    #expect(cost.cpuMicroseconds > 0)
    #expect(cost.cpuMicroseconds < 1_000)
  }
}

struct WrkFiguresTests {
  @Test func `figures stand in the last line, whatever wrk says before`() {
    let output = """
      Running 1s test @ http://127.0.0.1:1
        1 threads and 4 connections
      JSON {"requests":120,"microseconds":2000000,"p50":12.5,"p99":99.0,"p999":120.0,"max":130.0,"errors":3}

      """
    let figures = WrkFigures.parse(output)
    #expect(figures?.requestsPerSecond == 60)
    #expect(figures?.errors == 3)
    #expect(WrkFigures.parse("unable to connect to 127.0.0.1:1 Connection refused") == nil)
  }
}
