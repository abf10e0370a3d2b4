internal import Bytes
internal import Glibc

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
    let file = RepositoryFile(path)
    if comment == nil, file.isModelUnknown {
      throw SigningError(
        .malformed,
        "\(path): its model cannot be told, so gateways would refuse the signature: sign it where it lies, in "
          + "models/<model>, or say what to sign it for with --comment")
    }
    let comment = comment.map { TrustedComment($0) } ?? file.comment(path, timestamp)
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
  case other(isModelUnknown: Bool)

  init(_ path: String) {
    let name = path.split(separator: "/").last
    guard exists(path) else {
      self = .other(isModelUnknown: false)
      return
    }
    if let bytes = try? FileReader.bytes(of: path, max: Manifest.Limits.manifestBytes) {
      if let manifest = try? Manifest.decode(bytes.span.bytes, from: path) {
        self = .manifest(bytes, model: manifest.model, version: manifest.version)
        return
      }
      if name == "aliases.json", let model = folderName(of: path), isName(model) {
        self = .aliases(bytes, model: model)
        return
      }
    }
    self = .other(isModelUnknown: name == "aliases.json" || name == "manifest.json")
  }

  /// Of a file of a repository, by its name, that does not say what model it belongs to.
  var isModelUnknown: Bool { if case .other(true) = self { true } else { false } }

  func comment(_ path: String, _ timestamp: Int) -> TrustedComment {
    switch self {
    case .manifest(_, let model, let version): .manifest(model: model, version: version, timestamp: timestamp)
    case .aliases(_, let model): .aliases(model: model, timestamp: timestamp)
    case .other: .file(String(path.split(separator: "/").last ?? "file"), timestamp: timestamp)
    }
  }
}

/// The name of the folder that a file lies in, however the path to it was typed. A name that was typed goes before what a
/// link of that name points to: nodes reach the file under it.
private func folderName(of path: String) -> String? {
  let parts = path.split(separator: "/").filter { $0 != "." }
  if let typed = parts.dropLast().last, typed != ".." { return String(typed) }
  let start = path.hasPrefix("/") ? "/" : "./"
  guard let resolved = realpath(start + parts.dropLast().joined(separator: "/"), nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved).split(separator: "/").last.map(String.init)
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
