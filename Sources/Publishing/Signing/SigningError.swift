/// What is wrong with a key or a signature file of this machine: an operator's matter. What is wrong with a published
/// version is a `PublishError`.
public struct SigningError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Cause: Sendable, Equatable {
    case cannotRead, cannotWrite
    /// Not the file that it should be.
    case malformed
    case wrongPassword
    case notEnoughMemory
  }

  public let cause: Cause
  public let description: String

  public init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
