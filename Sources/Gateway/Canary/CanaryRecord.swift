import Bytes
import FoundationEssentials
import Glibc
import Publishing
import Snapshots

/// What a restart must not forget about the canaries of a model: which step users are in, who failed, who was promoted.
///
///     <dataDirectory>/canary/<model>.json
///
/// Counts are not kept. Those of the present step begin anew, which makes a step longer and never a verdict wrong.
struct CanaryRecord: Sendable, Equatable, Codable {
  struct Version: Sendable, Hashable, Codable {
    let version: Int
    /// 64 hexadecimal digits.
    let digest: String

    init(_ identity: ModelIdentity) {
      (version, digest) = (identity.version, identity.digest.description)
    }

    func identity(of model: String) -> ModelIdentity? {
      SHA256Digest(hex: digest).map { ModelIdentity(name: model, version: version, digest: $0) }
    }
  }

  struct Running: Sendable, Equatable, Codable {
    var champion, challenger: Version
    var step: Int
    var stepBeganSeconds, beganSeconds: UInt32
    var evidence: [String: Evidence]
  }

  struct Rejection: Sendable, Equatable, Codable {
    var challenger: Version
    var detail: String
    var atSeconds: UInt32
  }

  struct Promotion: Sendable, Equatable, Codable {
    var challenger: Version
    var over: Int
    var isUndone: Bool
  }

  /// The newest are kept: older versions are long gone from any repository.
  static let rejectionsMax = 64
  static let bytesMax = 1 << 20

  var schemaVersion = 1
  var running: Running?
  var rejections: [Rejection] = []
  var promotion: Promotion?

  mutating func reject(_ challenger: ModelIdentity, _ detail: String, now: UInt32) {
    rejections.removeAll { $0.challenger == Version(challenger) }
    rejections.append(Rejection(challenger: Version(challenger), detail: detail, atSeconds: now))
    rejections.removeFirst(max(0, rejections.count - CanaryRecord.rejectionsMax))
  }

  mutating func note(_ canary: Canary) {
    running = Running(
      champion: Version(canary.champion), challenger: Version(canary.challenger), step: canary.step,
      stepBeganSeconds: canary.stepBeganSeconds, beganSeconds: canary.beganSeconds,
      evidence: Dictionary(uniqueKeysWithValues: canary.evidence.map { ($0.key.rawValue, $0.value) }))
  }

  /// The canary that an earlier process left off, if it was of these two; else a new one.
  func canary(champion: ModelIdentity, challenger: ModelIdentity, now: UInt32) -> Canary {
    guard let running, running.champion == Version(champion), running.challenger == Version(challenger),
      running.step >= 0
    else { return Canary(champion: champion, challenger: challenger, now: now) }
    let evidence = running.evidence.compactMap { name, seen in Guardrail(rawValue: name).map { ($0, seen) } }
    return Canary(
      champion: champion, challenger: challenger, step: running.step,
      // A clock that was set back must not make a step last for years.
      stepBeganSeconds: min(running.stepBeganSeconds, now), beganSeconds: min(running.beganSeconds, now),
      evidence: Dictionary(uniqueKeysWithValues: evidence))
  }

  // MARK: Disk.

  static func folder(_ dataDirectory: String) -> String { dataDirectory + "/canary" }

  private static func path(_ dataDirectory: String, _ model: String) -> String {
    "\(folder(dataDirectory))/\(model).json"
  }

  /// The records of all models. What cannot be read is told by its path and passed over.
  static func readAll(_ dataDirectory: String, complain: (String) -> Void) -> [String: CanaryRecord] {
    var records: [String: CanaryRecord] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder(dataDirectory))) ?? [] {
      let path = "\(folder(dataDirectory))/\(name)"
      if isTemporary(name) {
        try? TemporaryFile.removeIfOrphaned(path, disk: Disk())
        continue
      }
      guard name.hasSuffix(".json"), isName(String(name.dropLast(5))) else { continue }
      do {
        let data = try Data(contentsOf: URL(filePath: path))
        guard data.count <= bytesMax else { throw CocoaError(.fileReadTooLarge) }
        let record = try JSONDecoder().decode(CanaryRecord.self, from: data)
        guard record.schemaVersion == 1 else { throw CocoaError(.fileReadUnknown) }
        records[String(name.dropLast(5))] = record
      } catch { complain("\(path): \(error)") }
    }
    return records
  }

  /// Whole and durably, or not at all.
  func write(_ dataDirectory: String, _ model: String, disk: Disk = Disk()) throws(DiskError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    let bytes = Array(try! encoder.encode(self))  // Numbers here are finite, so it always encodes.
    try disk.makeFolders(CanaryRecord.folder(dataDirectory))
    let file = try TemporaryFile(target: CanaryRecord.path(dataDirectory, model), disk: disk)
    try file.append(bytes.span.bytes)
    try file.seal()
  }
}
