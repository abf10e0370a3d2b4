internal import Bytes

/// The public keys that a node trusts: any one of them may have signed. Several, so that a new key can be brought in
/// before the old one goes.
public struct Keyring: Sendable, Equatable {
  public let keys: [PublicKey]

  /// Signatures are not asked for.
  public static let empty = Keyring([])

  public init(_ keys: [PublicKey]) { self.keys = keys }

  /// Reads public key files; a key may stand in the place of its file.
  public init(filesOrKeys: [String]) throws(SigningError) {
    var keys: [PublicKey] = []
    for text in filesOrKeys {
      if let key = PublicKey(text: text) { keys.append(key) } else { keys.append(try PublicKey(file: text)) }
    }
    self.init(keys)
  }

  public var isEmpty: Bool { keys.isEmpty }

  /// Which key signed a manifest for this very model and version, and when.
  ///
  /// Throws `signature_missing` for none and `signature_invalid` for any that is not whole, of none of these keys, or
  /// says another model or version. O(manifest).
  public func verify(
    manifest: [UInt8], signature: [UInt8]?, model: String, version: Int
  ) throws(PublishError) -> Endorsement {
    let place = "the manifest of \(model)/\(version)"
    let endorsement = try verify(manifest, signature, place)
    let comment = endorsement.comment
    guard comment["model"] == model, comment.version == version else {
      throw PublishError(
        .signatureInvalid,
        "\(place): its signature is for \"\(comment.text)\"; it must say model=\(model) and version=\(version)")
    }
    return endorsement
  }

  /// The same for the aliases of a model. The time of signing is part of it.
  public func verify(aliases: SignedFile, model: String) throws(PublishError) -> Endorsement {
    let place = "the aliases of \(model)"
    let endorsement = try verify(aliases.bytes, aliases.signature, place)
    let comment = endorsement.comment
    guard comment["model"] == model, comment["file"] == "aliases.json", comment.timestamp != nil else {
      throw PublishError(
        .signatureInvalid,
        "\(place): their signature is for \"\(comment.text)\"; it must say model=\(model), file=aliases.json and timestamp="
      )
    }
    return endorsement
  }

  /// The same for any file, by its BLAKE2b-512; what the comment says is for the caller to judge.
  public func verify(hash: [UInt8], signature: [UInt8]?, _ place: String) throws(PublishError) -> Endorsement {
    guard let signature else {
      throw PublishError(.signatureMissing, "\(place): there is no signature, and this node asks for one")
    }
    let found: Signature
    do { found = try Signature(signature) } catch {
      throw PublishError(.signatureInvalid, "\(place): its signature file \(error.reason)")
    }
    let candidates = keys.filter { $0.id == found.keyID }
    guard !candidates.isEmpty else {
      throw PublishError(
        .signatureInvalid,
        "\(place): was signed with key \(found.keyID), which is not trusted here; trusted: \(keys.map { "\($0.id)" }.joined(separator: ", "))"
      )
    }
    guard candidates.contains(where: { found.isValid(hash: hash, by: $0) }) else {
      throw PublishError(
        .signatureInvalid, "\(place): the signature of key \(found.keyID) does not hold: file or comment were changed")
    }
    return Endorsement(keyID: found.keyID, comment: found.comment)
  }

  private func verify(_ bytes: [UInt8], _ signature: [UInt8]?, _ place: String) throws(PublishError) -> Endorsement {
    try verify(hash: BLAKE2b512.digest(bytes.span.bytes), signature: signature, place)
  }
}

/// A signature that holds: who gave it, and the comment that was signed with the file.
public struct Endorsement: Sendable, Equatable {
  public let keyID: KeyID
  public let comment: TrustedComment
}
