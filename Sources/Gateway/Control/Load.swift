import Bytes
import Configuration
import Glibc
import Model
import Publishing
import Reactor
import Snapshots

/// One version's way from the repository to where it is proven, on the loader's thread. What is then to be warmed, the
/// workers say (`Control.gatherHottest`).
struct Load: Sendable {
  let identity: ModelIdentity
  let repository: any Repository
  let store: SnapshotStore
  let keyring: Keyring
  let placements: Placements
  let settings: Settings
  let gates: Gates
  let control: Mailbox<ControlMessage>

  func run() {
    var report = GateReport()
    var isNew = false
    do throws(PublishError) {
      var times = LoadTimes()
      var last = milliseconds()
      func lap() -> Int {
        defer { last = milliseconds() }
        return milliseconds() - last
      }
      control.post(.moved(identity, .fetching))
      let manifest = try manifest()
      // Before anything that the manifest says is believed.
      let signature = try verifiedSignature(of: manifest)
      report = gates.admit(
        manifest.manifest,
        signature: keyring.isEmpty
          ? "not asked for: trust.keys is empty" : "a key of trust.keys signed this model and version")
      if let failure = report.failure { throw failure }
      isNew = store.localSnapshot(identity) == nil
      let pulled = try store.pull(manifest, signature: signature, from: repository) {
        control.post(.progress(identity, $0.fraction))
      }
      times.pull = lap()
      control.post(.moved(identity, .verifying))
      let model = try verify(pulled.path)
      times.load = lap()
      report.merge(
        gates.prove(model.model, probeRecall: model.probeRecall, sections: manifest.manifest.sections.count))
      if let failure = report.failure { throw failure }
      control.post(.proved(identity, report))
      times.prove = lap()
      control.post(.loaded(model, times))
    } catch {
      report.note(error)
      if report.failure != nil { control.post(.proved(identity, report)) }
      // What was rejected for good must not be what a node without a repository starts on, nor take a good one's place on
      // the disk.
      if isNew, !error.reason.isTransient { try? store.remove(identity) }
      control.post(.failed(identity, error))
    }
  }

  /// The repository's; where it has none any more, or cannot be asked, that of what lies on this disk: a rollback.
  private func manifest() throws(PublishError) -> PublishedManifest {
    do throws(PublishError) {
      let found = try repository.manifest(identity.name, identity.version)
      guard found.identity == identity else {
        throw PublishError(.fetchFailed, "\(identity) was replaced in the repository before it was pulled")
      }
      return found
    } catch {
      guard let local = store.localSnapshot(identity), local.isVerified else { throw error }
      return local.published
    }
  }

  /// The signature that this node asks for, before a byte of a section is read; nil when it asks for none.
  private func verifiedSignature(of published: PublishedManifest) throws(PublishError) -> [UInt8]? {
    guard !keyring.isEmpty else { return nil }
    if store.localSnapshot(identity) != nil, let known = try? store.endorsement(of: identity, by: keyring) {
      control.post(.endorsed(identity, known.keyID))
      return nil
    }
    let signature: [UInt8]?
    do { signature = try repository.signature(of: identity.name, version: identity.version) } catch {
      // One that is too long to be one is no fault of the manifest.
      throw error.reason == .manifestInvalid ? PublishError(.signatureInvalid, error.detail) : error
    }
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
