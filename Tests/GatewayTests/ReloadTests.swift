import Bytes
import Configuration
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// A configuration file that is written anew, and read as SIGHUP has it read.
private final class File: Sendable {
  nonisolated(unsafe) let folder = TemporaryFolder()
  let source: ConfigurationSource

  init(_ yaml: String) throws {
    let path = folder.write(yaml, to: "needletail.yaml")
    source = ConfigurationSource(try Configuration(file: path)) { () throws(ConfigurationError) in
      try Configuration(file: path)
    }
  }

  func write(_ yaml: String) { folder.write(yaml, to: "needletail.yaml") }
}

@Suite struct ReloadTests {
  private func placements(_ file: File) throws -> Placements { try Placements(Settings(file.source.configuration)) }

  private func read(_ file: File) throws -> (ConfigurationChange, ServingPlan) {
    switch Reloading.read(file.source, after: try placements(file)) {
    case .read(let change, let plan): return (change, plan)
    case .refused(let reason): throw ServerError(reason)
    }
  }

  private func refusal(_ file: File) throws -> String? {
    if case .refused(let reason) = Reloading.read(file.source, after: try placements(file)) { reason } else { nil }
  }

  @Test func `what can change does, what cannot waits, and neither is lost`() throws {
    let file = try File("listen: 127.0.0.1:1\nplacements:\n  home:\n    fresh: 60s\n    model: a\n")
    file.write("listen: 127.0.0.1:2\nplacements:\n  home:\n    fresh: 5s\n    model: b\ncors:\n  origins: [x]\n")
    let (change, plan) = try read(file)
    #expect(change.applied == ["cors.origins", "placements.home.fresh"])
    #expect(change.waiting == ["listen", "placements.home.model"])
    #expect(plan.settings.listen == "127.0.0.1:1" && plan.settings.placements["home"]?.model == "a")
    #expect(plan.settings.corsOrigins == ["x"] && plan.settings.placements["home"]?.freshSeconds == 5)
  }

  @Test func `every mistake is told with its place`() throws {
    let file = try File("")
    file.write("memcached:\n  timeout: 5\n  sevrers: []\n")
    let reason = try #require(try refusal(file))
    #expect(reason.contains("needletail.yaml:2:12: error: memcached.timeout: \"5\" has no unit"))
    #expect(reason.contains("needletail.yaml:3:3: error: unknown key \"memcached.sevrers\""))
    #expect(reason.split(separator: "\n").count == 2)
  }

  @Test(arguments: ["placements:\n  home:\n    filter: brand:x\n", "memcached:\n  servers: [a b]\n", "a: [", "[]"])
  func `what could not be served by is refused`(yaml: String) throws {
    let file = try File("")
    file.write(yaml)
    #expect(try refusal(file) != nil)
  }

  @Test func `a file that is gone is refused`() throws {
    let path = TemporaryFolder().file("gone.yaml")
    let source = ConfigurationSource(try Configuration()) { () throws(ConfigurationError) in
      try Configuration(file: path)
    }
    guard case .refused(let reason) = Reloading.read(source, after: try Placements(Settings(Configuration()))) else {
      Issue.record("it was read")
      return
    }
    #expect(reason.contains("gone.yaml:1:1: error: cannot be read"))
  }

  @Test func `a token cannot go while the address that needs it stays until a restart`() throws {
    let file = try File("")
    file.folder.write("sesame", to: "token")
    let open = "admin:\n  listen: 0.0.0.0:1\n  tokenFile: \(file.folder.file("token"))\n"
    let exposed = try File(open)
    exposed.write("admin:\n  listen: 127.0.0.1:1\n")
    #expect(try refusal(exposed)?.contains("admin.tokenFile") == true)
  }

  @Test func `one reading at a time, and the last wish gets one of its own`() {
    var reloading = Reloading(nil, now: 7)
    #expect(reloading.begin() && !reloading.begin() && !reloading.begin())
    #expect(reloading.succeededAt == 7 && reloading.isSuccessful)
    let isWantedAgain = reloading.finish(.refused("no"), now: 8)
    #expect(isWantedAgain && !reloading.isSuccessful && reloading.succeededAt == 7 && reloading.refused == 1)
    let begun = reloading.begin()
    let again = reloading.finish(.refused("no"), now: 9)
    #expect(begun && !again)
  }

  @Test func `placements keep their numbers, new ones follow, and what is gone is not found`() throws {
    let file = try File("placements:\n  basket: {}\n  zoo: {}\n")
    let old = try placements(file)
    #expect(old.names == ["basket", "detail", "home", "trending", "zoo"])
    file.write("placements:\n  aquarium:\n    model: other\n  zoo: {}\n")
    let (change, plan) = try read(file)
    #expect(change.applied == ["placements.aquarium.model", "placements.basket"] && change.waiting.isEmpty)
    let new = plan.placements
    #expect(new.names == ["basket", "detail", "home", "trending", "zoo", "aquarium"])
    #expect(new.generation == old.generation + 1)
    let found = ["basket", "zoo", "aquarium"].map { new.index(of: $0.utf8.span.bytes) }
    #expect(found == [nil, 4, 5])
    // And one that comes back is the one it was.
    file.write("placements:\n  basket: {}\n")
    let back = try Placements(Settings(Configuration(file: file.folder.file("needletail.yaml"))), after: new)
    let again = ["basket", "zoo", "aquarium"].map { back.index(of: $0.utf8.span.bytes) }
    #expect(again == [0, nil, nil])
  }

  @Test func `counters of a placement stay its own when others join`() {
    var metrics = WorkerMetrics(placementCount: 2)
    metrics.answered(placement: 1, status: 400)
    metrics.answered(placement: nil, status: 404)
    metrics.grow(placementCount: 4)
    metrics.grow(placementCount: 3)
    metrics.answered(placement: 3, status: 400)
    metrics.answered(placement: nil, status: 404)
    #expect(metrics.requests.count == 5 && metrics.fallbacks.count == 4)
    let counts = metrics.requests.map { $0.answers(of: nil).reduce(0) { $0 + $1.count } }
    #expect(counts == [0, 1, 0, 1, 2])
  }

  @Test func `lists of a placement leave the first cache, windows and others stay`() {
    var cache = L1Cache(bytesMax: 1 << 20, seed: 3)
    let leaving = [
      "nt1:default:books:0011aabb:home:s7:*:-", "nt1:default:books:0011aabb:home:u1:*:abcdef", "nt1x:default:home:7",
    ]
    let staying = [
      "nt1:default:books:0011aabb:detail:s7:*:-", "nt1:default:w:home", "nt1x:default:detail:7",
      "nt1:home:home:0011aabb:zoo:s7:*:-", "0123456789abcdef",
    ]
    for name in leaving + staying {
      cache.insert(name.utf8.span.bytes, "value".utf8.span.bytes, freshUntil: 10, staleUntil: 20, now: 1)
    }
    cache.removeLists(of: ["home", "elsewhere"])
    for (names, isThere) in [(leaving, false), (staying, true)] {
      for name in names {
        let found = cache.find(name.utf8.span.bytes, now: 1) != nil
        #expect(found == isThere, "\(name)")
      }
    }
    #expect(cache.count == staying.count)
  }
}
