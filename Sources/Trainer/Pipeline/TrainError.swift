/// Why a training run stopped: what happened, whose fault it is, and what to do about it.
///
/// Nothing here passes by itself, so trying again without a change never helps.
public struct TrainError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Whose fault; the command line turns it into a sysexits code.
  public enum Cause: Sendable, Equatable {
    /// A file or folder is absent or unreadable (EX_NOINPUT).
    case missingInput
    /// What was read is not what was promised: broken, empty, too small (EX_DATAERR).
    case badInput
    /// An option makes no sense, or not with this data (EX_USAGE).
    case badSetting
    /// The result could not be written (EX_CANTCREAT).
    case output
    /// A published model has learnt from the very same data, with the same settings (`TrainOptions.knownDigests`).
    case unchanged
    /// The new model is worse than the published one, by more than `TrainOptions.rule` puts up with.
    case worse
    /// The arithmetic broke down, for example a matrix that is not positive definite (EX_SOFTWARE).
    case numerics
  }

  public let cause: Cause
  public let message: String
  /// The code under which publishers know the mistake, where a gateway has one for it too.
  public let reason: String?

  static let probeFailed = "probe_failed"

  public init(_ cause: Cause, _ message: String, reason: String? = nil) {
    self.cause = cause
    self.message = message
    self.reason = reason ?? (cause == .badInput ? "tensor_invalid" : nil)
  }

  public var description: String { message }
}
