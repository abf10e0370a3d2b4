public import Snapshots

/// Why a version does not serve: the stable codes that publishers, metrics and the admin API see.
public enum RejectReason: String, Sendable, Hashable, CaseIterable, Codable {
  case signatureMissing = "signature_missing"
  case signatureInvalid = "signature_invalid"
  case digestMismatch = "digest_mismatch"
  case manifestInvalid = "manifest_invalid"
  case unsupportedSchema = "unsupported_schema"
  case tensorInvalid = "tensor_invalid"
  case nonFiniteValues = "non_finite_values"
  case dimensionChanged = "dimension_changed"
  case itemCountDrop = "item_count_drop"
  case probeFailed = "probe_failed"
  /// It differs too much from the snapshot that serves, or would be too slow: the report of the gates says in what.
  case gateFailed = "gate_failed"
  case notEnoughMemory = "not_enough_memory"
  case fetchFailed = "fetch_failed"
  case rollbackRefused = "rollback_refused"
  /// It was tried beside the champion, and a guardrail or an operator ended that.
  case canaryFailed = "canary_failed"

  /// Whether trying the same version again later may help: the fault is this node's or the network's, not the version's;
  /// or a person signs what a machine has published.
  public var isTransient: Bool { self == .fetchFailed || self == .notEnoughMemory || self == .signatureMissing }

  public init(_ code: SnapshotError.Code) {
    // A node that cannot write what it fetched has not fetched it.
    self = code == .writeFailed ? .fetchFailed : RejectReason(rawValue: code.rawValue)!
  }
}

/// What went wrong with a repository or a version of it: a stable code and a sentence.
public struct PublishError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What a failed transfer calls for, where the reason alone does not tell.
  public enum Cause: Sendable {
    /// A connection that broke, or a server that was too slow or too busy: the same again may work.
    case interrupted
    /// Nobody answers there.
    case unreachable
    /// The server wants other credentials.
    case notAllowed
    /// The disk or the server did not take what was to be written.
    case cannotWrite
  }

  public let reason: RejectReason
  public let detail: String
  public let cause: Cause?

  public init(_ reason: RejectReason, _ detail: String, cause: Cause? = nil) {
    self.reason = reason
    self.detail = detail
    self.cause = cause
  }

  public init(_ error: SnapshotError) { self.init(RejectReason(error.code), error.description) }

  init(_ error: DiskError) { self.init(.fetchFailed, error.description, cause: .cannotWrite) }

  public var description: String { "\(detail) (\(reason.rawValue))" }
}
