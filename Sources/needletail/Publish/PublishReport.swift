import Bytes
import Publishing
import Snapshots

/// What `publish --json` prints.
struct PublishReport: Encodable {
  struct Node: Encodable {
    let url, state: String
    let reason: String?
    let detail: String
  }

  let schemaVersion = 1
  let model, digest, repository: String
  let version: Int
  /// False: the very same was there already.
  let isNew: Bool
  let alias: String?
  let rawBytes, wireBytes, sentBytes, sectionsSent, sectionsReused: Int
  /// Raw bytes for each byte that travelled.
  let ratio, seconds, compressSeconds, sendSeconds: Double
  /// Raw bytes that were sent, by the whole time.
  let bytesPerSecond: Double
  var notes: [String]
  var nodes: [Node]?

  init(_ published: PublishedVersion, at place: String, seconds: Double, alias: String?) {
    (model, version) = (published.identity.name, published.identity.version)
    (digest, repository) = (published.identity.digest.description, place)
    (isNew, self.alias, notes) = (published.isNew, alias, published.notes)
    (rawBytes, wireBytes, sentBytes) = (published.rawBytes, published.wireBytes, published.sentBytes)
    (sectionsSent, sectionsReused) = (published.sectionsSent, published.sectionsReused)
    (ratio, self.seconds) = (published.sent.ratio, seconds)
    (compressSeconds, sendSeconds) = (published.sent.compressSeconds, published.sent.sendSeconds)
    bytesPerSecond = seconds > 0 ? Double(published.sent.rawBytes) / seconds : 0
  }
}

/// What `publish --dry-run --json` prints.
struct PlanReport: Encodable {
  struct Section: Encodable {
    let tag, digest: String
    let bytes: Int
    let isThere: Bool
  }

  let schemaVersion = 1
  let model, repository: String
  let version: Int
  let isNew: Bool
  let bytes, bytesToSend: Int
  let sections: [Section]

  init(_ plan: PublishPlan, model: String, at place: String) {
    (self.model, repository, isNew) = (model, place, !plan.isSame)
    version = plan.isSame ? plan.latest!.identity.version : plan.nextVersion
    sections = plan.sections.map {
      Section(tag: $0.tag.description, digest: $0.digest.description, bytes: $0.byteCount, isThere: $0.isThere)
    }
    bytes = sections.reduce(0) { $0 + $1.bytes }
    bytesToSend = sections.reduce(0) { $0 + ($1.isThere ? 0 : $1.bytes) }
  }
}
