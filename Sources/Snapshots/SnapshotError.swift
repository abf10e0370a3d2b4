/// Why a snapshot is refused, or could not be written: a stable code for machines, a sentence for people.
///
/// Nothing here is worth a retry on the same file: it is either damaged, foreign or newer than this program.
public struct SnapshotError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The reason codes of a rejected version, as far as a file can give them.
  public enum Code: String, Sendable, CaseIterable {
    /// The bytes are not the ones that were sealed.
    case digestMismatch = "digest_mismatch"
    /// The header or the table of sections contradicts itself.
    case manifestInvalid = "manifest_invalid"
    /// Not a snapshot, or one of a format that this program does not know.
    case unsupportedSchema = "unsupported_schema"
    /// A section is missing, too short, or says something that cannot be.
    case tensorInvalid = "tensor_invalid"
    case nonFiniteValues = "non_finite_values"
    case dimensionChanged = "dimension_changed"
    case probeFailed = "probe_failed"
    case notEnoughMemory = "not_enough_memory"
    /// The file cannot be opened, read or mapped.
    case fetchFailed = "fetch_failed"
    /// The file cannot be written.
    case writeFailed = "write_failed"
  }

  public let code: Code
  public let file: String
  public let section: SectionTag?
  /// Bytes from the start of the section, or of the file where no section is named.
  public let offset: Int?
  /// What is wrong, as the end of a sentence.
  public let detail: String

  public init(_ code: Code, _ detail: String, file: String, section: SectionTag? = nil, offset: Int? = nil) {
    self.code = code
    self.detail = detail
    self.file = file
    self.section = section
    self.offset = offset
  }

  /// `home.ntsnap, section vec.f32, byte 128: …`
  public var description: String {
    let place = (section.map { ", section \($0)" } ?? "") + (offset.map { ", byte \($0)" } ?? "")
    return "\(file)\(place): \(detail) (\(code.rawValue))"
  }
}
