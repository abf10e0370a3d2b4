internal import Bytes

extension SigningKey {
  /// The signature file of any file. O(bytes), in pieces.
  ///
  /// - Parameters:
  ///   - comment: trusted; by default what a node asks for where the file is a manifest or a model's aliases, and what
  ///     minisign writes otherwise.
  ///   - timestamp: Unix seconds.
  public func sign(file path: String, comment: String? = nil, timestamp: Int) throws(SigningError) -> [UInt8] {
    if let comment {
      guard comment.utf8.count <= Signature.commentBytesMax,
        comment.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == UInt8(ascii: "\t") })
      else {
        throw SigningError(.malformed, "the comment must be one line of at most \(Signature.commentBytesMax) bytes")
      }
    }
    let comment = comment.map { TrustedComment($0) } ?? RepositoryFile(path).comment(path, timestamp)
    return Array(sign(hash: try blake2b512(ofFile: path), comment: comment).fileText.utf8)
  }
}

extension Keyring {
  /// Which key signed a file of a repository or any other. A manifest must be signed for its model and version, and
  /// aliases for the model in whose folder they lie.
  ///
  /// - Parameter signaturePath: of the signature file; beside the file by default.
  public func verify(file path: String, signaturePath: String? = nil) throws(PublishError) -> Endorsement {
    let signaturePath = signaturePath ?? path + SignedFile.suffix
    let signature =
      exists(signaturePath) ? try FileReader.bytes(of: signaturePath, max: RepositoryLimits.signatureBytes) : nil
    switch RepositoryFile(path) {
    case .manifest(let bytes, let model, let version):
      return try verify(manifest: bytes, signature: signature, model: model, version: version)
    case .aliases(let bytes, let model):
      return try verify(aliases: SignedFile(bytes: bytes, signature: signature), model: model)
    case .other:
      let hash: [UInt8]
      do { hash = try blake2b512(ofFile: path) } catch { throw PublishError(.fetchFailed, error.description) }
      return try verify(hash: hash, signature: signature, path)
    }
  }
}

/// What a file is to a repository.
private enum RepositoryFile {
  case manifest([UInt8], model: String, version: Int)
  case aliases([UInt8], model: String)
  case other

  init(_ path: String) {
    let parts = path.split(separator: "/").map(String.init)
    guard let bytes = try? FileReader.bytes(of: path, max: Manifest.Limits.manifestBytes) else {
      self = .other
      return
    }
    if let manifest = try? Manifest.decode(bytes.span.bytes, from: path) {
      self = .manifest(bytes, model: manifest.model, version: manifest.version)
    } else if parts.last == "aliases.json", parts.count > 1, isName(parts[parts.count - 2]) {
      self = .aliases(bytes, model: parts[parts.count - 2])
    } else {
      self = .other
    }
  }

  func comment(_ path: String, _ timestamp: Int) -> TrustedComment {
    switch self {
    case .manifest(_, let model, let version): .manifest(model: model, version: version, timestamp: timestamp)
    case .aliases(_, let model): .aliases(model: model, timestamp: timestamp)
    case .other: .file(String(path.split(separator: "/").last ?? "file"), timestamp: timestamp)
    }
  }
}

private func blake2b512(ofFile path: String) throws(SigningError) -> [UInt8] {
  var hash = BLAKE2b512()
  do {
    let file = try FileReader(path: path)
    var more = true
    while more { more = try file.next { (piece: RawSpan) throws(PublishError) in hash.update(piece) } }
  } catch { throw SigningError(.cannotRead, error.detail) }
  return hash.finish()
}
