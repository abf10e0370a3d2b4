internal import Bytes
package import Snapshots

/// A repository in a folder.
///
/// Readers need no lock: what they look at appears by rename, whole, and is never changed. Whatever else lies in the
/// folders is passed over.
public struct FolderRepository: Repository {
  public let path: String
  public var place: String { path }
  let disk: Disk

  public init(path: String) { self.init(path: path, disk: Disk()) }

  package init(path: String, disk: Disk) {
    self.path = path
    self.disk = disk
  }

  public func models() throws(PublishError) -> [String] {
    guard exists(path) else { return [] }
    guard isFolder(path) else { throw PublishError(.fetchFailed, "\(path): is not a folder") }
    guard exists(path + "/models") else { return [] }
    guard let names = names(inFolder: path + "/models") else {
      throw PublishError(.fetchFailed, "\(path)/models: cannot be read")
    }
    return names.filter { isName($0) && isFolder(modelFolder($0)) }.sorted()
  }

  /// The committed versions of a model, ascending.
  public func versions(of model: String) throws(PublishError) -> [Int] {
    try claimedVersions(of: model).filter { exists(manifestPath(model, $0)) }
  }

  /// The aliases of a model; none where the file is absent.
  public func aliases(of model: String) throws(PublishError) -> Aliases {
    try check(model: model)
    guard let bytes = try bytes(of: aliasesPath(model), max: RepositoryLimits.aliasesBytes) else { return .none }
    return try Aliases.decode(bytes.span.bytes, from: aliasesPath(model))
  }

  public func aliasesFile(of model: String) throws(PublishError) -> SignedFile? {
    try check(model: model)
    let path = aliasesPath(model)
    guard let bytes = try bytes(of: path, max: RepositoryLimits.aliasesBytes) else { return nil }
    return SignedFile(
      bytes: bytes, signature: try self.bytes(of: path + signatureSuffix, max: RepositoryLimits.signatureBytes))
  }

  public func manifest(_ model: String, _ version: Int) throws(PublishError) -> PublishedManifest {
    try check(model: model)
    let path = manifestPath(model, version)
    return try Manifest.published(
      FileReader.bytes(of: path, max: Manifest.Limits.manifestBytes), model, version, at: path)
  }

  public func signature(of model: String, version: Int) throws(PublishError) -> [UInt8]? {
    try check(model: model)
    return try bytes(of: manifestPath(model, version) + signatureSuffix, max: RepositoryLimits.signatureBytes)
  }

  public func readBlob(
    of section: Manifest.Section, _ model: String, _ version: Int, fromByte: Int,
    _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) {
    try check(model: model)
    let file = try FileReader(path: blobPath(model, version, section.digest))
    guard file.byteCount == section.wireSize else {
      throw PublishError(
        .digestMismatch,
        "\(file.path): section \(section.tag) has \(file.byteCount) bytes where the manifest says \(section.wireSize)")
    }
    try file.skip(to: fromByte)
    while try file.next(take) {}
  }

  /// A small file; nil when it is not there.
  private func bytes(of path: String, max: Int) throws(PublishError) -> [UInt8]? {
    exists(path) ? try FileReader.bytes(of: path, max: max) : nil
  }

  /// Reads each manifest: small files, and few of them.
  public func listing(of model: String) throws(PublishError) -> RepositoryListing {
    var identities: [ModelIdentity] = []
    var faults: [Int: PublishError] = [:]
    for version in try versions(of: model) {
      do { identities.append(try manifest(model, version).identity) } catch { faults[version] = error }
    }
    let file = try aliasesFile(of: model)
    let aliases = try file.map { (file) throws(PublishError) in
      try Aliases.decode(file.bytes.span.bytes, from: aliasesPath(model))
    }
    return RepositoryListing(versions: identities, faults: faults, aliases: aliases ?? .none, aliasesFile: file)
  }

  /// The numbers that are taken, with or without a manifest, ascending.
  func claimedVersions(of model: String) throws(PublishError) -> [Int] {
    try check(model: model)
    guard exists(modelFolder(model)) else { return [] }
    guard let names = names(inFolder: modelFolder(model)) else {
      throw PublishError(.fetchFailed, "\(modelFolder(model)): cannot be read")
    }
    return names.compactMap(version(named:)).sorted()
  }

  func modelFolder(_ model: String) -> String { "\(path)/models/\(model)" }
  func versionFolder(_ model: String, _ version: Int) -> String { "\(modelFolder(model))/\(version)" }
  func manifestPath(_ model: String, _ version: Int) -> String { "\(versionFolder(model, version))/manifest.json" }
  func aliasesPath(_ model: String) -> String { "\(modelFolder(model))/aliases.json" }
  func blobPath(_ model: String, _ version: Int, _ digest: SHA256Digest) -> String {
    "\(versionFolder(model, version))/\(digest)"
  }
}

let signatureSuffix = ".minisig"
