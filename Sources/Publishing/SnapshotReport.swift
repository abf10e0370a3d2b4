internal import Bytes
public import Snapshots

/// What `snapshot inspect` and `snapshot verify` print of a snapshot file.
public struct SnapshotReport: Sendable, Equatable, Codable {
  public struct Section: Sendable, Equatable, Codable {
    public let tag: String
    public let offset: Int
    public let size: Int
    /// Sixteen hexadecimal digits.
    public let xxh3: String
    /// Of the raw bytes: the name of the section's blob in a repository. Nil unless asked for; O(bytes).
    public let sha256: String?
  }

  public var schemaVersion = 1
  public let file: String
  public let size: Int
  public let sections: [Section]

  /// Describes a snapshot; opening it has checked what was asked to be checked.
  public init(_ snapshot: Snapshot, digests: Bool = false) {
    file = snapshot.file
    size = snapshot.byteCount
    sections = snapshot.sections.map { entry in
      let bytes = snapshot.bytes(of: entry)
      return Section(
        tag: entry.tag.description, offset: entry.offset, size: entry.byteCount, xxh3: hex(entry.checksum),
        sha256: digests ? SHA256.digest(bytes).description : nil)
    }
  }
}

/// The outcome of checking a snapshot, a line for people and a code for machines.
public struct VerificationReport: Sendable, Equatable, Codable {
  public var schemaVersion = 1
  public let file: String
  public let isValid: Bool
  /// Nil for a valid file.
  public let reason: RejectReason?
  public let detail: String

  /// Reads and checks a snapshot file whole. O(bytes).
  public static func verify(path: String) -> VerificationReport {
    do {
      let snapshot = try Snapshot.open(path: path, verify: .checksums)
      return VerificationReport(
        file: path, isValid: true, reason: nil,
        detail: "\(snapshot.sections.count) sections, \(snapshot.byteCount) bytes: all checksums hold")
    } catch { return VerificationReport(file: path, PublishError(error)) }
  }

  /// Checks a committed version of a repository: manifest, and each blob against it. O(bytes), and writes nothing.
  public static func verify(_ repository: any Repository, model: String, version: Int) -> VerificationReport {
    let file = repository.place(of: model, version)
    do {
      let published = try repository.manifest(model, version)
      for section in published.manifest.sections {
        try receive(section, model, version, from: repository) { (_: RawSpan) throws(PublishError) in }
      }
      return VerificationReport(
        file: file, isValid: true, reason: nil,
        detail: "\(published.identity): \(published.manifest.sections.count) sections, all digests hold")
    } catch { return VerificationReport(file: file, error) }
  }

  init(file: String, isValid: Bool, reason: RejectReason?, detail: String) {
    self.file = file
    self.isValid = isValid
    self.reason = reason
    self.detail = detail
  }

  private init(file: String, _ error: PublishError) {
    self.init(file: file, isValid: false, reason: error.reason, detail: error.detail)
  }
}

private func hex(_ value: UInt64) -> String {
  var text = ByteBuffer(capacity: 16)
  text.append(hex: value)
  return String(copying: text.bytes)
}
