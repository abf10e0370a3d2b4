import Bytes
public import Configuration
import Model
import Publishing
public import Snapshots

extension GateReport {
  /// The gates of a gateway for two files: what `needletail snapshot verify --against` shows before anything is published.
  /// The memory is this machine's. Throws when a file is no snapshot of a model; what fails a gate stands in the report.
  ///
  /// - Parameter live: what serves; nil for the gates of a model's first version.
  public init(proving path: String, against live: String?, by settings: GateSettings) throws(SnapshotError) {
    let snapshot = try Snapshot.open(path: path, verify: .checksums)
    let candidate = try ServingModel(snapshot, name: "file", version: 2, digest: SHA256.digest(RawSpan()))
    var old: ServingModel?
    if let live {
      old = try ServingModel(
        Snapshot.open(path: live, verify: .checksums), name: "file", version: 1, digest: SHA256.digest(RawSpan()))
    }
    let models = LiveModels()
    if let old { models.set(old) }
    let gates = Gates(settings: settings, live: models)
    var judge = GateJudge(settings: settings, comparesStrictly: settings.comparesStrictly)
    let sizes = Dictionary(snapshot.sections.map { ($0.tag, $0.byteCount) }, uniquingKeysWith: max)
    judge.judge(
      MemoryAdmission(
        sections: sizes, items: candidate.itemCount, reserveBytes: settings.memoryReserveBytes, mappedBytes: 0))
    self = judge.report
    let recall = candidate.checkProbes(ComputeScratch()).recall
    merge(
      gates.prove(
        candidate, probeRecall: recall, sections: snapshot.sections.count, digests: "checksum of the file"))
  }
}
