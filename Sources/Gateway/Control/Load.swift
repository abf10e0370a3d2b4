import Bytes
import Configuration
import Glibc
import Model
import Publishing
import Reactor
import Snapshots

/// One version's way from the repository to READY, on the loader's thread.
struct Load: Sendable {
  let identity: ModelIdentity
  let repository: FolderRepository
  let store: SnapshotStore
  let keyring: Keyring
  let placements: Placements
  let warmer: Warmer
  let settings: Settings
  let control: Mailbox<ControlMessage>
  /// Under the version that serves.
  let hottest: [HotList]

  func run() {
    do throws(PublishError) {
      var times = LoadTimes()
      var last = milliseconds()
      func lap() -> Int {
        defer { last = milliseconds() }
        return milliseconds() - last
      }
      control.post(.moved(identity, .fetching))
      let manifest = try repository.manifest(identity.name, identity.version)
      guard manifest.identity == identity else {
        throw PublishError(.fetchFailed, "\(identity) was replaced in the repository before it was pulled")
      }
      let signature = try verifiedSignature(of: manifest)
      let pulled = try store.pull(manifest, signature: signature, from: repository) {
        control.post(.progress(identity, $0.fraction))
      }
      times.pull = lap()
      control.post(.moved(identity, .verifying))
      let model = try verify(pulled.path)
      times.load = lap()
      control.post(.moved(identity, .warming))
      times.warmed = warmer.fillMissing(model, hottest, budgetMilliseconds: settings.warmBudgetMilliseconds)
      let prepared = warmer.prepare(model, hottest, budgetMilliseconds: settings.warmBudgetMilliseconds)
      times.lists = prepared.lists.count
      times.warm = lap()
      control.post(.loaded(model, times, prepared))
    } catch {
      control.post(.failed(identity, error))
    }
  }

  /// The signature that this node asks for, before a byte of a section is read; nil when it asks for none.
  private func verifiedSignature(of published: PublishedManifest) throws(PublishError) -> [UInt8]? {
    guard !keyring.isEmpty else { return nil }
    let signature = try repository.signature(of: identity.name, version: identity.version)
    let endorsement = try keyring.verify(
      manifest: published.bytes, signature: signature, model: identity.name, version: identity.version)
    control.post(.endorsed(identity, endorsement.keyID))
    return signature
  }

  /// Maps the file, checks every section, has it in memory before anybody waits for it, and asks its own probes.
  private func verify(_ path: String) throws(PublishError) -> ServedModel {
    do {
      let snapshot = try Snapshot.open(path: path, verify: .structure)
      let model = try ServingModel(snapshot, name: identity.name, version: identity.version, digest: identity.digest)
      control.post(.moved(identity, .loading))
      snapshot.prefault()
      return try ServedModel(
        model, identity, placements, namespace: settings.memcachedNamespace, now: unixSeconds())
    } catch let error as SnapshotError {
      throw PublishError(error)
    } catch let error as PublishError {
      throw error
    } catch {
      throw PublishError(.manifestInvalid, "\(error)")
    }
  }
}

func unixSeconds() -> UInt32 { UInt32(clamping: time(nil)) }

func milliseconds() -> Int {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
