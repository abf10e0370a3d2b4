import FoundationEssentials
import Publishing
import Synchronization
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt)) struct PublishCommandTests {
  private let files: PublishFiles

  init() throws { files = try PublishFiles() }

  private struct Report: Decodable {
    let schemaVersion, version, sectionsSent, sectionsReused, sentBytes, rawBytes: Int
    let isNew: Bool
    let ratio: Double
  }

  private func report(_ result: Command.Result) throws -> Report {
    try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
  }

  @Test func `a snapshot is published, the second time told of, a third time in part`() throws {
    let server = WebFolder(files.root)
    for place in [files.files["other"], server.url] {
      let first = try report(files.publish(0, to: place, "--json"))
      #expect(first.schemaVersion == 1 && first.version == 1 && first.isNew && first.ratio > 1)
      #expect(first.sectionsSent > first.sectionsReused && first.sentBytes > 0)
      let again = try report(files.publish(0, to: place, "--json"))
      #expect(again.version == 1 && !again.isNew && again.sentBytes == 0)
      let next = try report(files.publish(1, to: place, "--json", "--alias", "champion"))
      #expect(next.version == 2 && next.isNew && next.sentBytes < next.rawBytes)
    }
    #expect(try files.repository.aliases(of: "home").champion == 2)
    #expect(VerificationReport.verify(files.repository, model: "home", version: 2).isValid)
  }

  @Test func `the key of user hashes comes along to a folder, and another one is told of`() throws {
    let vectors = IndexFiles(items: 300, dimension: 16, queries: 20, seed: 9)
    let path = vectors["users.ntsnap"]
    let built = Command.run(
      "snapshot", "build", "--items", vectors["base.npy"], "--users", vectors["queries.npy"], "--out", path)
    #expect(built.code == 0, "\(built.errors)")
    func publish(_ place: String) -> Command.Result {
      Command.run("publish", path, "--to", place, "--model", "home")
    }
    let first = publish(vectors["repository"])
    #expect(first.code == 0 && first.errors.contains("was copied"), "\(first)")
    let key = try Data(contentsOf: URL(filePath: vectors["repository"] + "/identity.key"))
    #expect(try key == Data(contentsOf: URL(filePath: vectors["identity.key"])))
    #expect(!publish(vectors["repository"]).errors.contains("note"))
    try Data(String(repeating: "0a", count: 16).utf8).write(to: URL(filePath: vectors["repository"] + "/identity.key"))
    #expect(publish(vectors["repository"]).errors.contains("will know none of them"))
  }

  @Test func `throughput and ratio are told`() {
    let result = files.publish(0, to: files.root)
    #expect(result.code == 0 && result.output.contains("to 1)") && result.output.contains("/s"), "\(result)")
  }

  @Test func `a dry run sends nothing`() throws {
    let result = files.publish(0, to: files.root, "--dry-run")
    #expect(result.code == 0 && result.output.contains("would be version 1"), "\(result)")
    #expect(!FileManager.default.fileExists(atPath: files.root))
  }

  @Test func `a challenger never serves before it is one`() throws {
    _ = files.publish(0, to: files.root)
    let result = files.publish(1, to: files.root, "--alias", "challenger")
    #expect(result.code == 0 && result.errors.contains("version 1 is now"))
    let aliases = try files.repository.aliases(of: "home")
    #expect(aliases.champion == 1 && aliases.challenger == 2)
  }

  @Test func `a snapshot that is refused names no champion`() throws {
    _ = files.publish(0, to: files.root)
    var bytes = try Data(contentsOf: URL(filePath: files.snapshots[1]))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: files.snapshots[1]))
    #expect(files.publish(1, to: files.root, "--alias", "challenger").code == 65)
    #expect(try files.repository.aliases(of: "home") == .none)
  }

  @Test func `a version beside the champion is told that nobody serves it`() throws {
    _ = files.publish(0, to: files.root, "--alias", "champion")
    let words = "champion is version 1; nodes serve 2 only after --alias champion"
    let result = files.publish(1, to: files.root)
    #expect(result.code == 0 && result.errors.contains("note: \(words)"), "\(result)")
    struct Notes: Decodable { let notes: [String] }
    #expect(try files.publish(1, to: files.root, "--json").decoded(Notes.self).map(\.notes) == [[words]])
    #expect(!files.publish(1, to: files.root, "--alias", "champion").errors.contains("note: "))
  }

  @Test func `nobody waits for a version that the champion bars, and nothing is sent`() throws {
    _ = files.publish(0, to: files.root, "--alias", "champion")
    let node = WebPeer { request in
      request.method == "POST" ? WebPeer.Reply(202, "{}") : WebPeer.Reply(200, #"{"state":"SERVING"}"#)
    }
    let barred = files.publish(1, to: files.root, "--wait", "SERVING", "--nodes", node.url)
    #expect(barred.code == 64 && barred.errors.contains("champion is version 1"), "\(barred)")
    #expect(try files.repository.versions(of: "home") == [1])
    #expect(node.requests == 0)
    // The champion itself may be waited for again.
    #expect(files.publish(0, to: files.root, "--wait", "SERVING", "--nodes", node.url).code == 0)
    #expect(files.publish(1, to: files.root, "--wait", "SERVING", "--nodes", node.url, "--alias", "champion").code == 0)
  }

  @Test(arguments: ["", ",", " "]) func `a wait for no node is a mistake, and nothing is sent`(nodes: String) {
    let result = files.publish(0, to: files.root, "--wait", "SERVING", "--nodes", nodes)
    #expect(result.code == 64 && result.errors.contains("--nodes"), "\(result)")
    #expect(!FileManager.default.fileExists(atPath: files.root))
  }

  @Test func `what cannot be is told by its code`() throws {
    let shut = WebPeer { _ in WebPeer.Reply(401, "no") }
    let full = WebPeer { request in request.method == "PUT" ? WebPeer.Reply(507, "full") : WebPeer.Reply(404, "none") }
    let broken = files.files.folder.write("no snapshot", to: "broken.ntsnap")
    func code(_ arguments: String...) -> Int32 { Command.run(["publish"] + arguments).code }
    let good = files.snapshots[0]
    #expect(code(good, "--to", "ftp://x/y", "--model", "home") == 64)
    #expect(code(good, "--to", files.root, "--model", "../x") == 64)
    #expect(code(good, "--to", files.root, "--model", "home", "--wait", "SERVING") == 64)
    #expect(code(broken, "--to", files.root, "--model", "home") == 65)
    #expect(code("/nowhere", "--to", files.root, "--model", "home") == 66)
    #expect(code(good, "--to", "http://127.0.0.1:\(freePort())", "--model", "home") == 69)
    #expect(code(good, "--to", full.url, "--model", "home") == 73)
    #expect(code(good, "--to", shut.url, "--model", "home") == 77)
    #expect(code(good, "--to", files.files.folder.write("a file", to: "file") + "/x", "--model", "home") == 73)
  }

  @Test func `waiting ends with enough nodes, with a rejection, or with the time`() throws {
    let state = Guard(#"{"state":"WARMING","reason":null,"detail":"","progress":0.5}"#)
    let announced = Guard("")
    let node = WebPeer { request in
      if request.method == "POST" {
        announced.set(String(decoding: request.body, as: UTF8.self))
        return WebPeer.Reply(202, "{}")
      }
      return WebPeer.Reply(200, state.text)
    }
    func wait(_ more: String...) -> Command.Result {
      Command.run(
        ["publish", files.snapshots[0], "--to", files.root, "--model", "home", "--wait", "SERVING", "--nodes"] + more)
    }
    let late = wait("\(node.url)", "--timeout", "1")
    #expect(late.code == 75 && late.errors.contains("WARMING"), "\(late)")
    #expect(announced.text.contains("home\\/1\\/manifest.json") || announced.text.contains("home/1/manifest.json"))
    state.set(#"{"state":"REJECTED","reason":"probe_failed","detail":"too far","progress":0}"#)
    let rejected = wait("\(node.url)", "--timeout", "20")
    #expect(rejected.code == 65 && rejected.errors.contains("probe_failed"), "\(rejected)")
    state.set(#"{"state":"SERVING","reason":null,"detail":"","progress":1}"#)
    #expect(wait("\(node.url)", "--timeout", "20").code == 0)
    let half = wait("\(node.url),http://127.0.0.1:\(freePort())", "--min-ready", "50%", "--timeout", "20")
    #expect(half.code == 0, "\(half)")
    #expect(wait("http://127.0.0.1:\(freePort())", "--timeout", "1").code == 69)
  }
}

/// A text that two threads share.
final class Guard: Sendable {
  private let state: Mutex<String>
  init(_ text: String) { state = Mutex(text) }
  var text: String { state.withLock { $0 } }
  func set(_ text: String) { state.withLock { $0 = text } }
}
