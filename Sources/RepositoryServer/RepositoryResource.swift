public import Bytes
internal import Publishing

/// What a repository has to offer, by its path: these and nothing else of the folder is served.
///
///     /models.json                                    the models; made up here, not a file
///     /models/<model>/versions.json                   the committed versions; made up here
///     /models/<model>/aliases.json                    and aliases.json.minisig
///     /models/<model>/<version>/manifest.json         and manifest.json.minisig
///     /models/<model>/<version>/<SHA-256 of a section's raw bytes>
///
/// A path is compared as it was sent. No name of a repository needs a percent escape, so a path that has one names
/// nothing, and neither `..` nor an encoded `/` ever reaches the disk.
public enum RepositoryResource: Sendable, Hashable {
  case models
  case versions(model: String)
  case aliases(model: String)
  case aliasesSignature(model: String)
  case manifest(model: String, version: Int)
  case manifestSignature(model: String, version: Int)
  case blob(model: String, version: Int, digest: SHA256Digest)

  public init?(path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 2, parts[0].isEmpty else { return nil }
    if parts.count == 2 {
      guard parts[1] == "models.json" else { return nil }
      self = .models
      return
    }
    guard parts[1] == "models", isName(parts[2]) else { return nil }
    switch parts.count {
    case 4: self.init(model: parts[2], file: parts[3])
    case 5:
      guard let version = versionNumber(parts[3]) else { return nil }
      self.init(model: parts[2], version: version, file: parts[4])
    default: return nil
    }
  }

  private init?(model: String, file: String) {
    switch file {
    case "versions.json": self = .versions(model: model)
    case "aliases.json": self = .aliases(model: model)
    case "aliases.json.minisig": self = .aliasesSignature(model: model)
    default: return nil
    }
  }

  private init?(model: String, version: Int, file: String) {
    switch file {
    case "manifest.json": self = .manifest(model: model, version: version)
    case "manifest.json.minisig": self = .manifestSignature(model: model, version: version)
    default:
      guard let digest = SHA256Digest(hex: file) else { return nil }
      self = .blob(model: model, version: version, digest: digest)
    }
  }

  /// The names that lead from the repository's folder to the file; nil for what is made up.
  var names: [String]? {
    switch self {
    case .models, .versions: nil
    case .aliases(let model): ["models", model, "aliases.json"]
    case .aliasesSignature(let model): ["models", model, "aliases.json.minisig"]
    case .manifest(let model, let version): ["models", model, String(version), "manifest.json"]
    case .manifestSignature(let model, let version): ["models", model, String(version), "manifest.json.minisig"]
    case .blob(let model, let version, let digest): ["models", model, String(version), digest.description]
    }
  }

  /// Whether what stands there never changes once it is there: a cache may keep it for good.
  var isImmutable: Bool {
    switch self {
    case .manifest, .blob: true
    default: false
    }
  }

  var contentType: StaticString {
    switch self {
    case .models, .versions, .aliases: "application/json"
    case .manifest: "application/vnd.needletail.manifest.v1+json"
    case .manifestSignature, .aliasesSignature: "text/plain; charset=utf-8"
    case .blob: "application/x-lz4"
    }
  }

  /// The longest content that is stored or served whole; nil for blobs, which go by pieces.
  var wholeBytesMax: Int? {
    switch self {
    case .models, .versions, .blob: nil
    case .aliases: RepositoryResource.aliasesBytesMax
    case .manifest: Manifest.Limits.manifestBytes
    case .manifestSignature, .aliasesSignature: RepositoryResource.signatureBytesMax
    }
  }

  /// 64 aliases of 32 characters are 3 KiB; what `FolderRepository` reads.
  static let aliasesBytesMax = 1 << 16
  /// Four lines, of which two are comments (interfaces §2.6): 300 bytes and what people write into them.
  static let signatureBytesMax = 4096
}

/// The number that a folder's name is, spelt as this program spells it: so a version has one path.
func versionNumber(_ name: String) -> Int? {
  guard let version = Int(name), (1...Manifest.Limits.version).contains(version), String(version) == name else {
    return nil
  }
  return version
}
