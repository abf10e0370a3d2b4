/// A file of a repository with the signature beside it, both as they stand there.
public struct SignedFile: Sendable, Equatable {
  public let bytes: [UInt8]
  /// Nil when there is none.
  public let signature: [UInt8]?

  /// What is added to the name of a file that is signed.
  public static let suffix = signatureSuffix

  public init(bytes: [UInt8], signature: [UInt8]?) {
    self.bytes = bytes
    self.signature = signature
  }
}
