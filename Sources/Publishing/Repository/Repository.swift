/// A place that holds published snapshots: a folder, a web server, a bucket.
///
/// All of it may block for as long as a disk or a network takes: never called on a worker's loop. Nothing that comes out
/// is to be believed before a manifest's digests hold; what is read is bounded by `RepositoryLimits` and the manifest.
///
///     models/<model>/<version>/<SHA-256 of a section>    LZ4 frames, first
///     models/<model>/<version>/manifest.json.minisig     where manifests are signed
///     models/<model>/<version>/manifest.json             last: its presence is the commit
///     models/<model>/aliases.json                        optional; aliases.json.minisig beside it
public protocol Repository: Sendable {
  /// Where it is, for people: no secret stands in it.
  var place: String { get }

  /// The models, sorted; a repository that is not there yet has none.
  func models() throws(PublishError) -> [String]

  /// All that a watcher wants to know of a model.
  func listing(of model: String) throws(PublishError) -> RepositoryListing

  func manifest(_ model: String, _ version: Int) throws(PublishError) -> PublishedManifest

  /// The version's `manifest.json.minisig`; nil when there is none.
  func signature(of model: String, version: Int) throws(PublishError) -> [UInt8]?

  /// The model's `aliases.json`, as it stands there; nil when there is none.
  func aliasesFile(of model: String) throws(PublishError) -> SignedFile?

  /// Hands over the LZ4 frame of a section from one of its bytes on, in pieces.
  ///
  /// Ends well only after `section.wireSize - fromByte` bytes; a blob of another length is refused, as far as can be
  /// before its bytes are taken. An error whose `cause` is `.interrupted` says that the same may work from the byte
  /// reached; an error of `take` comes out as it is.
  func readBlob(
    of section: Manifest.Section, _ model: String, _ version: Int, fromByte: Int,
    _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError)

  /// Points an alias to a committed version whose manifest checks out, or with nil takes it away.
  /// - Parameter sign: needed where versions or aliases are signed.
  func setAlias(_ alias: String, of model: String, to version: Int?, sign: SignAliases?) throws(PublishError)
}

/// What is read of small files, whatever their length is said to be.
enum RepositoryLimits {
  /// 64 aliases of 32 letters and a number each are 3 KiB.
  static let aliasesBytes = 1 << 16
  /// Two lines of comments and two of base64, 200 bytes.
  static let signatureBytes = 16 << 10
}

extension Repository {
  public func setAlias(_ alias: String, of model: String, to version: Int?) throws(PublishError) {
    try setAlias(alias, of: model, to: version, sign: nil)
  }

  /// An unsigned alias where nodes ask for signatures would be refused by all of them, and the signed one gone.
  func checkUnsigned(_ model: String, _ version: Int?) throws(PublishError) {
    let isSigned = try version.map { (version) throws(PublishError) in try signature(of: model, version: version) != nil
    }
    guard isSigned != true, try aliasesFile(of: model)?.signature == nil else {
      throw PublishError(
        .signatureMissing, "\(place)/models/\(model): versions are signed here, so aliases must be; give the key")
    }
  }

  /// `<place>/models/home/42`
  func place(of model: String, _ version: Int) -> String { "\(place)/models/\(model)/\(version)" }
}

func check(model: String) throws(PublishError) {
  guard isName(model) else {
    throw PublishError(.manifestInvalid, "\"\(model)\" is not a model: use 1 to 32 of a-z, 0-9 and -")
  }
}

func check(alias: String) throws(PublishError) {
  guard isName(alias) else {
    throw PublishError(.manifestInvalid, "\"\(alias)\" is not an alias: use 1 to 32 of a-z, 0-9 and -")
  }
}

extension Manifest {
  /// Reads the manifest of a version and sees to it that it is that version's.
  static func published(
    _ bytes: [UInt8], _ model: String, _ version: Int, at place: String
  ) throws(PublishError) -> PublishedManifest {
    let manifest = try decode(bytes.span.bytes, from: place)
    guard manifest.model == model && manifest.version == version else {
      throw PublishError(.manifestInvalid, "\(place): is the manifest of \(manifest.model)/\(manifest.version)")
    }
    return PublishedManifest(manifest, bytes: bytes)
  }
}

/// The number that a folder's name is, written as this program writes it: so one version has one name.
func version(named name: some StringProtocol) -> Int? {
  guard let version = Int(name), (1...Manifest.Limits.version).contains(version), String(version) == name else {
    return nil
  }
  return version
}
