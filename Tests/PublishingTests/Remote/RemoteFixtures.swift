import Bytes
import FoundationEssentials
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Publishing

/// What a test sees of a peer that answers on another thread.
final class Noted<Value: Sendable>: Sendable {
  private let state: Mutex<Value>
  init(_ value: Value) { state = Mutex(value) }
  var value: Value { state.withLock { $0 } }
  func change<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { state.withLock { body(&$0) } }
}

/// Patience of a test: what a node waits minutes for is over in a second.
func briefAccess(_ environment: [String: String] = [:]) -> RepositoryAccess {
  var access = RepositoryAccess()
  access.requestTimeoutMilliseconds = 1500
  access.stallTimeoutMilliseconds = 1000
  access.environment = environment
  return access
}

func remote(_ url: String, _ access: RepositoryAccess = briefAccess()) throws -> RemoteRepository {
  try #require(RepositoryLocation(parsing: url).open(access) as? RemoteRepository)
}

extension Workplace {
  /// A store that does not wait before it takes a broken transfer up.
  var hastyStore: SnapshotStore {
    SnapshotStore(dataDirectory: store.dataDirectory, disk: Disk(), pause: { _ in })
  }

  /// The repository's folder behind a real HTTP server.
  func served(_ answer: @escaping WebFolder.Answer = { _, honestly in honestly() }) -> WebFolder {
    WebFolder(repository.path, answer)
  }

  @discardableResult
  func publish(_ seed: UInt64, to repository: any WritableRepository, options: PublishOptions = PublishOptions()) throws
    -> PublishedVersion
  {
    try repository.publish(
      snapshotPath: snapshot(sections(seed)), model: "home", details: someDetails, options: options, progress: { _ in })
  }

  func blobName(_ seed: UInt64) -> String { SHA256.digest(someBytes(9000, seed: seed).span.bytes).description }
}
