/// A small file as it came, with the signature that lay beside it.
public struct SignedFile: Sendable, Equatable {
  public let bytes: [UInt8]
  /// The text of `<name>.minisig`; nil when there was none.
  public let signature: [UInt8]?

  /// What is added to a file's name.
  public static let suffix = ".minisig"
  /// A signature file: two comments (minisign writes up to 1 KiB and 8 KiB of them), and 200 bytes of base64.
  public static let signatureBytesMax = 16 << 10

  public init(bytes: [UInt8], signature: [UInt8]?) {
    self.bytes = bytes
    self.signature = signature
  }
}
