internal import Bytes

extension FolderRepository {
  /// The signature that lies beside a manifest; nil when there is none.
  public func signature(of model: String, version: Int) throws(PublishError) -> [UInt8]? {
    try check(model)
    return try signature(of: manifestPath(model, version))
  }

  /// The aliases as they lie there, with their signature; nil when there are none.
  public func aliasesFile(of model: String) throws(PublishError) -> SignedFile? {
    try check(model)
    let path = aliasesPath(model)
    guard exists(path) else { return nil }
    return SignedFile(bytes: try FileReader.bytes(of: path, max: 1 << 16), signature: try signature(of: path))
  }

  func aliases(in file: SignedFile?, of model: String) throws(PublishError) -> Aliases {
    guard let file else { return .none }
    return try Aliases.decode(file.bytes.span.bytes, from: aliasesPath(model))
  }

  /// Whether an alias may be moved without a key: not where nodes would refuse the aliases, because the version's
  /// manifest or the aliases themselves are signed.
  func checkUnsigned(_ model: String, _ version: Int?) throws(PublishError) {
    let isSigned = try aliasesFile(of: model)?.signature != nil
    let versionIsSigned = try version.map { (version) throws(PublishError) in
      try signature(of: model, version: version) != nil
    }
    guard !isSigned && versionIsSigned != true else {
      throw PublishError(
        .signatureMissing,
        "\(aliasesPath(model)): versions of \(model) are signed, so its aliases need a key to sign them")
    }
  }

  private func signature(of path: String) throws(PublishError) -> [UInt8]? {
    let path = path + SignedFile.suffix
    guard exists(path) else { return nil }
    do { return try FileReader.bytes(of: path, max: SignedFile.signatureBytesMax) } catch {
      // Too long a file is no fault of the manifest.
      throw error.reason == .manifestInvalid ? PublishError(.signatureInvalid, error.detail) : error
    }
  }
}
