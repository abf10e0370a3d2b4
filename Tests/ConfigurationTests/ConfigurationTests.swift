import FoundationEssentials
import TestSupport
import Testing

@testable import Configuration

private let shippedFile = URL(filePath: #filePath).appending(path: "../../../Config/needletail.yaml").standardized.path

private func problems(_ body: () throws -> Configuration) -> [String] {
  do {
    _ = try body()
    return []
  } catch {
    return "\(error)".split(separator: "\n").map(String.init)
  }
}

private func read(_ yaml: String) throws -> Configuration { try Configuration(text: yaml, path: "test.yaml") }

@Suite struct ConfigurationTests {
  @Test func `the shipped file parses, names every key and holds every default`() throws {
    let shipped = try Configuration(file: shippedFile)
    let text = String(decoding: try Data(contentsOf: URL(filePath: shippedFile)), as: UTF8.self)
    for key in ConfigKey.all {
      let path = key.path.replacing("*", with: "home")
      if key.fallback.isEmpty && key.path.hasPrefix("placements") {
        #expect(text.contains(key.path.split(separator: ".").last! + ":"), "\(key.path) is not in the shipped file")
      } else {
        let found = shipped.values[path]
        #expect(found != nil, "\(path) is not in the shipped file")
        #expect(found?.texts.joined(separator: ",") == key.fallback, "\(path)")
      }
      #expect(
        text.replacing("\n# ", with: " ").contains(key.effect) || text.contains(key.effect),
        "\(key.path): effect differs")
    }
    _ = try Settings(shipped)
  }

  @Test func `defaults alone make settings with the three placements`() throws {
    let settings = try Settings(Configuration())
    #expect(Set(settings.placements.keys) == ["home", "detail", "trending"])
    #expect(settings.placements["home"]?.deadlineMicroseconds == 50_000)
    #expect(settings.l1Bytes == 64 << 20)
    #expect(settings.memcachedServers.isEmpty)
  }

  @Test func `an unknown key is refused with its place and the nearest key`() {
    #expect(
      problems { try read("listen: 127.0.0.1:1\nmemcached:\n  sevrers: [a:1]\n") }
        == ["test.yaml:3:3: error: unknown key \"memcached.sevrers\" (did you mean \"memcached.servers\"?)"])
    #expect(
      problems { try read("placements:\n  home:\n    frsh: 5s\n") }
        == ["test.yaml:3:5: error: unknown key \"placements.home.frsh\" (did you mean \"placements.home.fresh\"?)"])
  }

  @Test func `a number without its unit is refused and says what to write`() {
    #expect(
      problems { try read("memcached: {timeout: \"5\"}") }
        == ["test.yaml:1:22: error: memcached.timeout: \"5\" has no unit; write 5ms, 5s"])
  }

  @Test func `a value of the wrong type is refused, never turned into the default`() {
    #expect(
      problems { try read("workers: many") } == [
        "test.yaml:1:10: error: workers: \"many\" is not a whole number from 0 to 256"
      ])
    #expect(
      problems { try read("workers: [1, 2]") } == [
        "test.yaml:1:10: error: workers: this is not a whole number from 0 to 256"
      ])
    #expect(problems { try read("log: {level: warn}") }.first?.contains("did you mean \"warning\"") == true)
    #expect(
      problems { try read("memcached: 7") } == ["test.yaml:1:12: error: memcached is a group of keys, not a value"])
  }

  @Test func `every mistake of a file is reported in one run`() {
    #expect(problems { try read("wrkers: 2\nlisten: [a]\necho: maybe\n") }.count == 3)
  }

  @Test func `what is not YAML is refused with its line`() {
    #expect(problems { try read("listen: 'abc\nworkers: 2") }.first?.hasPrefix("test.yaml:") == true)
    #expect(problems { try read("- a\n- b\n") }.first?.contains("a configuration is a mapping") == true)
  }

  @Test func `flags win over the environment, which wins over the file`() throws {
    let folder = TemporaryFolder()
    let file = folder.write("workers: 1\nlisten: 127.0.0.1:1\nmodel: file\n", to: "c.yaml")
    let settings = try Settings(
      Configuration(
        file: file, environment: ["NEEDLETAIL_WORKERS": "2", "NEEDLETAIL_LISTEN": "127.0.0.1:2"],
        flags: ["workers": ["3"]]))
    #expect(settings.workers == 3)
    #expect(settings.listen == "127.0.0.1:2")
    #expect(settings.model == "file")
  }

  @Test func `an environment variable that is no key is refused with the nearest`() {
    let found = problems { try Configuration(environment: ["NEEDLETAIL_MEMCACHED_TIMEOT": "5ms"]) }
    #expect(
      found == ["NEEDLETAIL_MEMCACHED_TIMEOT: error: no such setting (did you mean NEEDLETAIL_MEMCACHED_TIMEOUT?)"])
  }

  @Test func `lists come from a sequence, one value or commas in the environment`() throws {
    #expect(try Settings(read("memcached: {servers: [a:1, b:2]}")).memcachedServers == ["a:1", "b:2"])
    #expect(try Settings(read("memcached: {servers: none}")).memcachedServers == [])
    let environment = try Configuration(environment: ["NEEDLETAIL_MEMCACHED_SERVERS": "a:1, /tmp/b.sock"])
    #expect(try Settings(environment).memcachedServers == ["a:1", "/tmp/b.sock"])
  }

  @Test func `placements of one's own get defaults and their overrides`() throws {
    let settings = try Settings(read("placements: {checkout: {fresh: 2m, diversity: 0.5, freshnessHalfLife: 7d}}"))
    let checkout = try #require(settings.placements["checkout"])
    #expect(checkout.freshSeconds == 120 && checkout.staleSeconds == 300)
    #expect(checkout.diversity == 0.5 && checkout.freshnessHalfLifeDays == 7)
    #expect(problems { try read("placements: {Check_out: {fresh: 2m}}") }.count == 1)
  }

  @Test func `durations and sizes are read in every unit`() {
    #expect(readDuration("250us") == .microseconds(250))
    #expect(readDuration("1.5s") == .milliseconds(1500))
    #expect(readDuration("7d") == .seconds(604_800))
    #expect(readDuration("5") == nil && readDuration("-5s") == nil && readDuration("s") == nil)
    #expect(byteCount("64KiB") == 65536 && byteCount("3B") == 3 && byteCount("64KB") == nil)
    #expect(byteCount("99999999999GiB") == nil)
  }

  @Test func `a placement's model is a name`() {
    let error = #expect(throws: ConfigurationError.self) {
      try Settings(read("placements:\n  home:\n    model: A B\n"))
    }
    #expect(error?.description.contains("test.yaml:3:12: error: placements.home.model") == true)
  }
}

@Suite struct ConfigurationChangeTests {
  private func change(_ old: String, _ new: String) throws -> ConfigurationChange {
    ConfigurationChange(from: try read(old), to: try read(new))
  }

  @Test func `a default that is written out is no change, nor is an order of keys`() throws {
    #expect(try change("", "listen: 127.0.0.1:8080\n").isEmpty)
    #expect(try change("workers: 2\nlisten: a:1\n", "listen: a:1\nworkers: 2\n").isEmpty)
  }

  @Test func `a key that goes falls back to its default`() throws {
    let change = try change("http:\n  idleTimeout: 5s\nworkers: 3\n", "")
    #expect(change.applied == ["http.idleTimeout"] && change.waiting == ["workers"])
    let settings = try Settings(change.configuration)
    #expect(settings.http.idleTimeoutMilliseconds == 60_000 && settings.workers == 3)
  }

  @Test func `the model of a placement that exists waits, that of a new one does not`() throws {
    let change = try change("placements:\n  a: {model: x}\n", "placements:\n  a: {model: y}\n  b: {model: z}\n")
    #expect(change.applied == ["placements.b.model"] && change.waiting == ["placements.a.model"])
    let settings = try Settings(change.configuration)
    #expect(settings.placements["a"]?.model == "x" && settings.placements["b"]?.model == "z")
  }

  @Test func `what waits for a restart is said in the shipped file`() throws {
    let text = String(decoding: try Data(contentsOf: URL(filePath: shippedFile)), as: UTF8.self)
    let head = text.replacing("\n# ", with: " ")
    let sentence = try #require(head.split(separator: "wait for the next start: ").dropFirst().first)
      .split(separator: ", and the").first.map { $0.split(separator: " ").map(String.init) }
    let waiting = ConfigKey.all.filter { $0.needsRestart && !$0.path.contains("*") }.map(\.path)
    #expect(sentence.map(Set.init) == Set(waiting))
  }

  @Test func `a lame-duck time is a part of the drain`() {
    #expect(
      problems {
        let configuration = try read("http:\n  lameDuck: 20s\n")
        _ = try Settings(configuration)
        return configuration
      } == ["test.yaml:2:13: error: http.lameDuck is 20s, longer than http.drainTimeout, which it is a part of"])
  }
}
