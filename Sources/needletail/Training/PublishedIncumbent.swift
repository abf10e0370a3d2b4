import Bytes
import Model
import Publishing
import Snapshots
import Trainer

/// The version that a new model would take the place of, and its manifest.
struct PublishedIncumbent {
  let manifest: PublishedManifest
  /// nil when its snapshot cannot be used; `fault` says why.
  let model: Incumbent?
  let fault: String?

  /// What an unconfigured gateway serves: alias champion > largest version that is no challenger. nil without any.
  static func champion(of model: String, in repository: FolderRepository) throws -> PublishedManifest? {
    let listing = try repository.listing(of: model)
    let choice = VersionChoice.choose(usable: listing.versions.keys, aliases: listing.aliases)
    return try choice.map { try repository.manifest(model, $0.champion) }
  }

  /// Takes the champion's snapshot out of the repository, into `scratch`. One that is damaged is no reason not to train:
  /// a new model is then what is needed most.
  init(_ manifest: PublishedManifest, in repository: FolderRepository, scratch: ScratchFolder) {
    self.manifest = manifest
    let identity = manifest.identity
    do {
      let store = SnapshotStore(dataDirectory: scratch.file("incumbent"))
      let local = try store.pull(manifest, from: repository)
      let snapshot = try Snapshot.open(path: local.path, verify: .structure)
      let model = try ServingModel(
        snapshot, name: identity.name, version: identity.version, digest: identity.digest, checks: .structure)
      self.model = Incumbent(
        model, version: identity.version, createdAtSeconds: manifest.manifest.details.createdAtSeconds,
        metrics: manifest.manifest.details.metrics)
      fault = nil
    } catch {
      model = nil
      fault = "version \(identity.version) cannot be compared with: \(error)"
    }
  }
}
