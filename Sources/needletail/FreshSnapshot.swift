import Bytes
import FoundationEssentials
import Model
import Publishing
import Snapshots

/// A snapshot file that was just made, on its way into a repository: of `train` and of `snapshot build`.
struct FreshSnapshot {
  let path: String
  var metrics: [String: Double]
  var annotations: [String: String]

  func publish(into repository: String, as name: String) throws -> PublishedVersion {
    do {
      let snapshot = try Snapshot.open(path: path, verify: .structure)
      let model = try ServingModel(
        snapshot, name: name, version: 0, digest: SHA256.digest(RawSpan()), checks: .structure)
      let details = Manifest.Details(
        createdAtSeconds: Int(Date().timeIntervalSince1970), metric: "\(model.metric)", dimension: model.dimension,
        counts: ["items": model.itemCount, "users": model.userCount, "segments": model.segmentCount],
        metrics: metrics, annotations: annotations)
      return try FolderRepository(path: repository).publish(snapshotPath: path, model: name, details: details)
    } catch let error as PublishError {
      throw CommandFailure(.cannotWrite, "the snapshot cannot be published: \(error)")
    } catch {
      throw CommandFailure(.data, "the snapshot that was just made does not check out: \(error)")
    }
  }
}

extension PublishedVersion {
  /// A line for people.
  var summary: String {
    "published as version \(identity.version) (\(identity.digest8)): "
      + "\(sectionsSent) sections sent, \(sectionsReused) reused, \(sentBytes) bytes of \(rawBytes)"
  }
}
