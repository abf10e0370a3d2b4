internal import Bytes

/// The secret half of a key pair, which signs. The secret lies in libcrypto's memory until the value goes.
public final class SigningKey: Sendable {
  public let id: KeyID
  let secret: Ed25519PrivateKey

  init(id: KeyID, secret: Ed25519PrivateKey) {
    self.id = id
    self.secret = secret
  }

  /// A new key pair.
  public static func random() -> SigningKey {
    var generator = SystemRandomNumberGenerator()
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    var seed = bytes(Ed25519.seedBytes)
    defer { wipe(&seed) }
    return SigningKey(id: KeyID(bytes(KeyID.byteCount)), secret: Ed25519PrivateKey(seed: seed)!)
  }

  public var publicKey: PublicKey { PublicKey(id: id, bytes: secret.publicKey) }

  /// Signs a file by its BLAKE2b-512. O(1).
  public func sign(hash: [UInt8], comment: TrustedComment) -> Signature {
    Signature(hash: hash, comment: comment, by: self)
  }

  /// The signature file of a manifest, bound to its model and version.
  ///
  /// - Parameter timestamp: Unix seconds.
  public func sign(manifest: [UInt8], model: String, version: Int, timestamp: Int) -> [UInt8] {
    let comment = TrustedComment.manifest(model: model, version: version, timestamp: timestamp)
    return Array(sign(hash: BLAKE2b512.digest(manifest.span.bytes), comment: comment).fileText.utf8)
  }

  /// The signature file of a model's aliases.
  ///
  /// - Parameter previous: the signature that this one replaces, if there is one. Nodes refuse aliases that are older than
  ///   those they have seen, so the new time is later, whatever the clock says. But anybody may have left one there: with
  ///   a time beyond all others in it no node would ever believe a later one.
  public func sign(aliases: [UInt8], model: String, timestamp: Int, after previous: [UInt8]?) -> [UInt8] {
    let before = previous.flatMap { try? Signature($0) }.flatMap { time(of: $0, model, now: timestamp) }
    let next = before.map { $0 < .max ? $0 + 1 : $0 } ?? 0
    let comment = TrustedComment.aliases(model: model, timestamp: max(timestamp, next))
    return Array(sign(hash: BLAKE2b512.digest(aliases.span.bytes), comment: comment).fileText.utf8)
  }

  /// As far as clocks of publishers that sign with different keys may be apart.
  private static let skewSecondsMax = 86_400

  /// When aliases were signed, as far as it can be believed: of this key whatever it says, since the comment is signed
  /// for itself, whichever aliases lie there; of another, such as the one before this, nothing far in the future.
  private func time(of previous: Signature, _ model: String, now: Int) -> Int? {
    let comment = previous.comment
    guard let time = comment.timestamp else { return nil }
    let isOwn = previous.isCommentValid(by: publicKey) && comment["model"] == model && comment["file"] == "aliases.json"
    return isOwn || time - now <= Self.skewSecondsMax ? time : nil
  }
}

extension SigningKey {
  /// For a publish: signs the manifest for its model and version.
  public var signManifest: SignManifest {
    { (published) throws(PublishError) in
      let identity = published.identity
      return self.sign(
        manifest: published.bytes, model: identity.name, version: identity.version, timestamp: unixTime())
    }
  }

  /// For moving an alias of a model whose versions are signed.
  public func signAliases(of model: String) -> SignAliases {
    { (aliases, before) throws(PublishError) in
      self.sign(aliases: aliases, model: model, timestamp: unixTime(), after: before)
    }
  }
}
