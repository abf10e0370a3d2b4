internal import Synchronization

/// What a remote repository said before, with its entity tags: so that a look at one that has not changed moves heads of
/// answers and nothing else.
final class RepositoryMemory: Sendable {
  struct Known: Sendable, Equatable {
    let identity: ModelIdentity
    /// Of the manifest.
    let tag: String?
  }

  private struct State {
    /// `versions.json`, `aliases.json` and their like, by path: three files a model.
    var files: [String: StoredFile] = [:]
    var identities: [String: [Int: Known]] = [:]
  }

  private let state = Mutex(State())

  func file(_ path: String) -> StoredFile? { state.withLock { $0.files[path] } }

  func remember(_ file: StoredFile?, as path: String) { state.withLock { $0.files[path] = file } }

  func identities(of model: String) -> [Int: Known] { state.withLock { $0.identities[model] ?? [:] } }

  /// In place of what was known: a version that is gone is forgotten.
  func remember(_ identities: [Int: Known], of model: String) { state.withLock { $0.identities[model] = identities } }
}
