import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots

/// A snapshot file on its way into a repository: of `train`, of `snapshot build` and of `publish`.
struct FreshSnapshot {
  let path: String
  var metrics: [String: Double] = [:]
  var annotations: [String: String] = [:]

  func publish(into repository: String, as name: String) throws -> PublishedVersion {
    do {
      return try FolderRepository(path: repository).publish(snapshotPath: path, model: name, details: details(of: name))
    } catch let error as PublishError {
      throw CommandFailure(.cannotWrite, "the snapshot cannot be published: \(error)")
    } catch {
      throw CommandFailure(.data, "the snapshot that was just made does not check out: \(error)")
    }
  }

  /// What its manifest says beside the sections. The figures of its training run come from the snapshot itself; what was
  /// given besides goes before them.
  func details(of name: String) throws -> Manifest.Details {
    let snapshot = try Snapshot.open(path: path, verify: .structure)
    let model = try ServingModel(
      snapshot, name: name, version: 0, digest: SHA256.digest(RawSpan()), checks: .structure)
    return Manifest.Details(
      createdAtSeconds: Int(Date().timeIntervalSince1970), metric: "\(model.metric)", dimension: model.dimension,
      counts: ["items": model.itemCount, "users": model.userCount, "segments": model.segmentCount],
      metrics: model.provenance.metrics.filter { $0.value.isFinite }.merging(metrics) { _, given in given },
      annotations: annotations)
  }
}

extension PublishedVersion {
  /// A line for people.
  var summary: String {
    guard isNew else {
      return "version \(identity.version) (\(identity.digest8)) holds the very same: nothing was sent"
    }
    return "published as version \(identity.version) (\(identity.digest8)): "
      + "\(sectionsSent) sections sent, \(sectionsReused) reused, \(sentBytes) bytes of \(rawBytes)"
  }
}
