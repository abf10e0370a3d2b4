import Bytes
import FoundationEssentials
import Glibc
import HTTP
import Logging
import Publishing
import Reactor
import Snapshots
import TestSupport

@testable import RepositoryServer

/// A repository in a folder, and a server of it on a loop of its own.
final class ServedRepository {
  static let token = "open-sesame"

  let folder = TemporaryFolder()
  let port: Int
  private let mailbox: Mailbox<@Sendable (RepositoryServer) -> Void>
  private let thread: LoopThread

  var root: String { folder.file("repository") }
  var repository: FolderRepository { FolderRepository(path: root) }

  init(_ writeAccess: WriteAccess = .token(ServedRepository.token), limits: ServerLimits = ServerLimits()) throws {
    let root = folder.file("repository")
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    typealias Opened = (port: Int, mailbox: Mailbox<@Sendable (RepositoryServer) -> Void>)
    let opened = Guarded<Opened?>(nil)
    thread = try LoopThread.spawn(name: "served") {
      let loop = try! EventLoop()
      var log = Logger(label: "test")
      log.logLevel = .critical
      let server = try! RepositoryServer(
        loop: loop, root: root, address: SocketAddress("127.0.0.1:0"), writeAccess: writeAccess, limits: limits,
        log: log,
        control: { request, body in
          request.path == "/echo" ? .json("\(request.method.name) \(request.isAuthorised) \(body.count)") : nil
        })
      let mailbox = try! Mailbox<@Sendable (RepositoryServer) -> Void>(loop: loop) { $0(server) }
      opened.withLock { $0 = (Int(server.address.port), mailbox) }
      loop.run()
    }
    while opened.withLock({ $0 == nil }) { usleep(1000) }
    (port, mailbox) = opened.withLock { $0! }
  }

  deinit {
    mailbox.post { server in
      server.close()
      server.loop.stop()
    }
    thread.join()
  }

  var counts: ServerCounts {
    let found = Guarded<ServerCounts?>(nil)
    mailbox.post { server in
      let counts = server.counts
      found.withLock { $0 = counts }
    }
    while found.withLock({ $0 == nil }) { usleep(1000) }
    return found.withLock { $0! }
  }

  func client() -> HTTPClient { HTTPClient(port: port)! }

  /// One request on a connection of its own.
  func get(_ path: String, _ fields: String...) -> HTTPAnswer? { client().get(path, fields) }

  func put(_ path: String, _ body: [UInt8], _ fields: [String] = [], token: String? = ServedRepository.token)
    -> HTTPAnswer?
  {
    let client = client()
    let authorization = token.map { ["Authorization: Bearer \($0)"] } ?? []
    client.send(
      HTTPClient.request("PUT", path, fields + authorization + ["Content-Length: \(body.count)"]))
    client.send(body)
    return client.receive()
  }

  // MARK: - Content

  /// A snapshot file of some sections.
  func snapshot(_ sections: [(SectionTag, [UInt8])]) throws -> String {
    let path = folder.file("x.ntsnap")
    var writer = try SnapshotWriter(path: path)
    for (tag, bytes) in sections { try writer.add(tag, bytes.span.bytes) }
    try writer.seal()
    return path
  }

  /// Publishes a version as a local publisher does.
  @discardableResult
  func publish(_ seed: UInt64 = 1, bytes: Int = 9000, into other: FolderRepository? = nil) throws -> PublishedManifest {
    let path = try snapshot([
      ("same", someBytes(70_000, seed: 0)), ("own", someBytes(bytes, seed: seed)), ("empty", []),
    ])
    let repository = other ?? self.repository
    let published = try repository.publish(snapshotPath: path, model: "home", details: someDetails)
    return try repository.manifest("home", published.identity.version)
  }

  /// A version that lies in a folder elsewhere, to be sent: its manifest, and its blobs by name.
  func versionToSend(_ seed: UInt64 = 1, after others: Int = 0) throws -> (
    manifest: PublishedManifest, blobs: [String: [UInt8]]
  ) {
    let place = folder.file("elsewhere")
    let elsewhere = FolderRepository(path: place)
    for other in 0..<others { try publish(UInt64(other) + 100, into: elsewhere) }
    let manifest = try publish(seed, into: elsewhere)
    var blobs: [String: [UInt8]] = [:]
    for section in manifest.manifest.sections {
      blobs["\(section.digest)"] = try contents("\(place)/models/home/\(manifest.identity.version)/\(section.digest)")
    }
    try FileManager.default.removeItem(atPath: place)
    return (manifest, blobs)
  }

  func contents(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

  func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(path)")) ?? []).sorted()
  }
}

let someDetails = Manifest.Details(createdAtSeconds: 1_795_364_439, metric: "dot", dimension: 64)

/// Bytes that LZ4 can shrink, but not to nothing.
func someBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SeededRandom(seed: seed)
  var bytes = [UInt8](repeating: 0, count: count)
  for place in bytes.indices { bytes[place] = UInt8(truncatingIfNeeded: random.next()) & 0x1F }
  return bytes
}

/// A span of a temporary does not survive the macros of tests.
func digest(_ bytes: [UInt8]) -> SHA256Digest { SHA256.digest(bytes.span.bytes) }
