internal import Bytes

/// A detached signature in minisign's container: of a file, by its BLAKE2b-512, and of a comment that is trusted then.
public struct Signature: Sendable, Equatable {
  public let keyID: KeyID
  /// Signed with the file. The other comment is anybody's, and nothing is concluded from it.
  public let comment: TrustedComment
  private let untrustedComment: String
  private let signature: [UInt8]
  private let commentSignature: [UInt8]

  /// `ED`: the file is hashed before it is signed. `Ed` of older tools, which is not, is refused.
  private static let algorithm = Array("ED".utf8)
  private static let legacyAlgorithm = Array("Ed".utf8)
  public static let commentBytesMax = 8 << 10

  /// What is the matter with bytes that are no signature, as the end of a sentence.
  public struct Fault: Error, Sendable, Equatable { public let reason: String }

  /// Reads what `fileText` or minisign wrote.
  public init(_ file: [UInt8]) throws(Fault) {
    guard file.count <= RepositoryLimits.signatureBytes, let lines = MinisignText.lines(file, count: 4),
      let untrusted = MinisignText.comment(lines[0], after: MinisignText.untrusted),
      let trusted = MinisignText.comment(lines[2], after: MinisignText.trusted),
      let raw = MinisignText.bytes(
        lines[1], count: Self.algorithm.count + KeyID.byteCount + Ed25519.signatureBytes),
      let commentSignature = MinisignText.bytes(lines[3], count: Ed25519.signatureBytes)
    else { throw Fault(reason: "is not a signature of minisign") }
    guard !raw.starts(with: Self.legacyAlgorithm) else {
      throw Fault(reason: "is a legacy signature, which is not taken: sign anew, without minisign's -l")
    }
    guard raw.starts(with: Self.algorithm) else { throw Fault(reason: "is of an unknown algorithm") }
    keyID = KeyID(raw[2..<10])
    signature = Array(raw[10...])
    comment = TrustedComment(trusted)
    untrustedComment = untrusted
    self.commentSignature = commentSignature
  }

  /// Signs a file by its hash.
  init(hash: [UInt8], comment: TrustedComment, by key: SigningKey) {
    keyID = key.id
    self.comment = comment
    untrustedComment = "signature from needletail secret key \(key.id)"
    signature = key.secret.sign(hash)
    commentSignature = key.secret.sign(signature + Array(comment.text.utf8))
  }

  /// Whether both the file with this BLAKE2b-512 and the comment were signed by a key.
  public func isValid(hash: [UInt8], by key: PublicKey) -> Bool {
    isCommentValid(by: key) && Ed25519.isValid(signature, of: hash, by: key.bytes)
  }

  /// Whether a key made this signature, with this comment, of whatever file.
  func isCommentValid(by key: PublicKey) -> Bool {
    keyID == key.id && Ed25519.isValid(commentSignature, of: signature + Array(comment.text.utf8), by: key.bytes)
  }

  /// What a signature file holds.
  public var fileText: String {
    """
    \(MinisignText.untrusted)\(untrustedComment)
    \(base64(Self.algorithm + keyID.bytes + signature))
    \(MinisignText.trusted)\(comment.text)
    \(base64(commentSignature))

    """
  }
}
