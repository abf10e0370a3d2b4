internal import Bytes
package import Snapshots

/// A repository in a folder.
///
///     <root>/models/<model>/<version>/<SHA-256 of a section>    LZ4 frames, first
///     <root>/models/<model>/<version>/manifest.json.minisig     where versions are signed
///     <root>/models/<model>/<version>/manifest.json             last: its presence is the commit
///     <root>/models/<model>/aliases.json                        optional
///     <root>/models/<model>/aliases.json.minisig                where versions are signed
///
/// Readers need no lock: what they look at appears by rename, whole, and is never changed. Whatever else lies in the
/// folders is passed over.
public struct FolderRepository: Sendable {
  public let path: String
  let disk: Disk

  public init(path: String) { self.init(path: path, disk: Disk()) }

  package init(path: String, disk: Disk) {
    self.path = path
    self.disk = disk
  }

  /// The models, sorted; a repository that is not there yet has none.
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
    try aliases(in: aliasesFile(of: model), of: model)
  }

  public func manifest(_ model: String, _ version: Int) throws(PublishError) -> PublishedManifest {
    try check(model)
    let path = manifestPath(model, version)
    let bytes = try FileReader.bytes(of: path, max: Manifest.Limits.manifestBytes)
    let manifest = try Manifest.decode(bytes.span.bytes, from: path)
    guard manifest.model == model && manifest.version == version else {
      throw PublishError(.manifestInvalid, "\(path): is the manifest of \(manifest.model)/\(manifest.version)")
    }
    return PublishedManifest(manifest, bytes: bytes)
  }

  /// All that a watcher wants to know of a model. Reads each manifest: small files, and few of them.
  public func listing(of model: String) throws(PublishError) -> RepositoryListing {
    var identities: [ModelIdentity] = []
    var faults: [Int: PublishError] = [:]
    for version in try versions(of: model) {
      do { identities.append(try manifest(model, version).identity) } catch { faults[version] = error }
    }
    let file = try aliasesFile(of: model)
    return RepositoryListing(
      versions: identities, faults: faults, aliases: try aliases(in: file, of: model), aliasesFile: file)
  }

  /// The numbers that are taken, with or without a manifest, ascending.
  func claimedVersions(of model: String) throws(PublishError) -> [Int] {
    try check(model)
    guard exists(modelFolder(model)) else { return [] }
    guard let names = names(inFolder: modelFolder(model)) else {
      throw PublishError(.fetchFailed, "\(modelFolder(model)): cannot be read")
    }
    return names.compactMap(version(named:)).sorted()
  }

  func check(_ model: String) throws(PublishError) {
    guard isName(model) else {
      throw PublishError(.manifestInvalid, "\"\(model)\" is not a model: use 1 to 32 of a-z, 0-9 and -")
    }
  }

  func modelFolder(_ model: String) -> String { "\(path)/models/\(model)" }
  func versionFolder(_ model: String, _ version: Int) -> String { "\(modelFolder(model))/\(version)" }
  func manifestPath(_ model: String, _ version: Int) -> String { "\(versionFolder(model, version))/manifest.json" }
  func aliasesPath(_ model: String) -> String { "\(modelFolder(model))/aliases.json" }
  func blobPath(_ model: String, _ version: Int, _ digest: SHA256Digest) -> String {
    "\(versionFolder(model, version))/\(digest)"
  }
}

/// The number that a folder's name is, written as this program writes it: so one version has one name.
private func version(named name: String) -> Int? {
  guard let version = Int(name), (1...Manifest.Limits.version).contains(version), String(version) == name else {
    return nil
  }
  return version
}
