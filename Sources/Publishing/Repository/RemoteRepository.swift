internal import Bytes
internal import FoundationEssentials

/// A repository on a web server or in a bucket.
///
/// Versions are found without a listing: `models/<model>/versions.json` (`{"versions":[1,2]}`) says which there are, then
/// aliases, then what comes after the largest known. That file is a hint that a server makes or a publisher leaves; a
/// version is there when its manifest is. Without it a bucket is listed.
public struct RemoteRepository: Repository {
  /// Of a model that are told of, the newest; besides, those that aliases name. A pin may need an older one: give it an
  /// alias.
  public static let versionsMax = 32
  /// 100,000 versions of ten characters each.
  private static let hintBytes = 1 << 20

  let store: any ObjectStore
  private let memory = RepositoryMemory()

  init(_ store: any ObjectStore) { self.store = store }

  public var place: String { store.place }

  public func models() throws(PublishError) -> [String] {
    if let folders = try store.folders(below: "models/") { return folders.filter { isName($0) }.sorted() }
    guard let names = try hint("models.json", HintedModels.self)?.models else {
      throw PublishError(
        .fetchFailed, "\(place): the server does not say which models there are (models.json); name one with --model")
    }
    return names.filter { isName($0) }.sorted()
  }

  public func listing(of model: String) throws(PublishError) -> RepositoryListing {
    try check(model: model)
    let (hinted, isNews) = try hintedVersions(of: model)
    let file = try aliasesFile(of: model)
    let path = "\(place)/\(aliasesPath(model))"
    let aliases = try file.map { (file) throws(PublishError) in
      try Aliases.decode(file.bytes.span.bytes, from: path)
    }
    let aliased = Set(aliases.map { Array($0.versions.values) } ?? [])
    var reading = ListingReading(known: memory.identities(of: model))
    let numbers = Set(hinted).union(aliased).union(reading.known.keys).sorted()
    for version in Set(numbers.suffix(Self.versionsMax)).union(aliased) {
      // A manifest never changes, unless a repository was made anew: the versions that matter are asked for each time.
      let isAsked = isNews || version == numbers.last || aliased.contains(version)
      try reading.read(model, version, asking: isAsked, of: self)
    }
    var next = (numbers.last ?? 0) + 1
    while next <= (numbers.last ?? 0) + Self.versionsMax, try reading.read(model, next, asking: true, of: self) {
      next += 1
    }
    memory.remember(reading.found, of: model)
    return RepositoryListing(
      versions: reading.found.values.map(\.identity), faults: reading.faults, aliases: aliases ?? .none,
      aliasesFile: file)
  }

  public func manifest(_ model: String, _ version: Int) throws(PublishError) -> PublishedManifest {
    try check(model: model)
    let path = manifestPath(model, version)
    guard let file = try store.file(path, bytesMax: Manifest.Limits.manifestBytes) else {
      throw PublishError(.fetchFailed, "\(place)/\(path): is not there")
    }
    return try Manifest.published(file.bytes, model, version, at: "\(place)/\(path)")
  }

  public func signature(of model: String, version: Int) throws(PublishError) -> [UInt8]? {
    try check(model: model)
    return try store.file(manifestPath(model, version) + signatureSuffix, bytesMax: RepositoryLimits.signatureBytes)?
      .bytes
  }

  public func aliasesFile(of model: String) throws(PublishError) -> SignedFile? {
    try check(model: model)
    let path = aliasesPath(model)
    guard let file = try remembered(path, bytesMax: RepositoryLimits.aliasesBytes) else { return nil }
    let signature = try remembered(path + signatureSuffix, bytesMax: RepositoryLimits.signatureBytes)
    return SignedFile(bytes: file.bytes, signature: signature?.bytes)
  }

  public func readBlob(
    of section: Manifest.Section, _ model: String, _ version: Int, fromByte: Int,
    _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) {
    try check(model: model)
    guard fromByte < section.wireSize else { return }
    let path = blobPath(model, version, section.digest)
    var call = WebCall(.get, store.url(path))
    call.fromByte = fromByte
    call.bytesMax = section.wireSize
    call.isBulk = true
    var reached = fromByte
    let reply = try store.perform(call, place: "\(place)/\(path)") { (piece: RawSpan) throws(PublishError) in
      reached += piece.byteCount
      try take(piece)
    }
    if reply.status == 416 || (reply.isSuccess && reached < section.wireSize && reply.contentLength != nil) {
      throw PublishError(
        .digestMismatch,
        "\(place)/\(path): section \(section.tag) has fewer than the \(section.wireSize) bytes that the manifest says")
    }
    guard reply.isSuccess else { throw reply.failure(at: "\(place)/\(path)") }
    guard reached == section.wireSize else {
      // No length was announced, so a connection that was cut looks like an end.
      throw PublishError(.fetchFailed, "\(place)/\(path): ends after \(reached) bytes", cause: .interrupted)
    }
  }

  public func setAlias(
    _ alias: String, of model: String, to version: Int?, sign: SignAliases?
  ) throws(PublishError) {
    try check(model: model)
    try check(alias: alias)
    if let version { _ = try manifest(model, version) }
    if sign == nil { try checkUnsigned(model, version) }
    let writer = RemoteWriter(store)
    let signaturePath = aliasesPath(model) + signatureSuffix
    _ = try writer.change(
      aliasesPath(model), bytesMax: RepositoryLimits.aliasesBytes
    ) { (bytes) throws(PublishError) in
      let present = try bytes.map { (bytes) throws(PublishError) in
        try Aliases.decode(bytes.span.bytes, from: "\(place)/\(aliasesPath(model))")
      }
      let next = (present ?? .none).setting(alias, to: version)
      // With a key the same is written again: it may lie there unsigned, or signed by a key that is no more.
      guard sign != nil || next != (present ?? .none) else { return nil }
      if let sign {
        _ = try writer.change(signaturePath, bytesMax: RepositoryLimits.signatureBytes) {
          (before) throws(PublishError) in try sign(next.encoded(), before)
        }
      }
      return next.encoded()
    }
  }

  // MARK: Reading.

  /// What `versions.json` says, and whether it says something new. A bucket without one is listed.
  private func hintedVersions(of model: String) throws(PublishError) -> (versions: [Int], isNews: Bool) {
    let path = versionsPath(model)
    let known = memory.file(path)
    if let hint = try hint(path, HintedVersions.self) {
      return (hint.versions.filter { (1...Manifest.Limits.version).contains($0) }, memory.file(path) != known)
    }
    let folders = try store.folders(below: "models/\(model)/") ?? []
    return (folders.compactMap { Publishing.version(named: $0) }, true)
  }

  private func hint<Hint: Decodable>(_ path: String, _ type: Hint.Type) throws(PublishError) -> Hint? {
    guard let file = try remembered(path, bytesMax: Self.hintBytes) else { return nil }
    do { return try JSONDecoder().decode(type, from: Data(file.bytes)) } catch {
      throw PublishError(.manifestInvalid, "\(place)/\(path): \(explained(error))")
    }
  }

  /// A small file that is asked for again only if it has changed.
  private func remembered(_ path: String, bytesMax: Int) throws(PublishError) -> StoredFile? {
    let file = try store.file(path, bytesMax: bytesMax, known: memory.file(path))
    memory.remember(file, as: path)
    return file
  }
}

/// `versions.json`
struct HintedVersions: Codable { var versions: [Int] }

/// `models.json`
struct HintedModels: Codable { var models: [String] }

func modelPath(_ model: String) -> String { "models/\(model)" }
func versionsPath(_ model: String) -> String { "\(modelPath(model))/versions.json" }
func aliasesPath(_ model: String) -> String { "\(modelPath(model))/aliases.json" }
func versionPath(_ model: String, _ version: Int) -> String { "\(modelPath(model))/\(version)" }
func manifestPath(_ model: String, _ version: Int) -> String { "\(versionPath(model, version))/manifest.json" }
func blobPath(_ model: String, _ version: Int, _ digest: SHA256Digest) -> String {
  "\(versionPath(model, version))/\(digest)"
}

/// The manifests of one look at a model.
private struct ListingReading {
  let known: [Int: RepositoryMemory.Known]
  private(set) var found: [Int: RepositoryMemory.Known] = [:]
  private(set) var faults: [Int: PublishError] = [:]

  init(known: [Int: RepositoryMemory.Known]) { self.known = known }

  /// Whether there is such a version, good or not. What keeps the repository from being read at all is thrown.
  @discardableResult
  mutating func read(
    _ model: String, _ version: Int, asking: Bool, of repository: RemoteRepository
  ) throws(PublishError) -> Bool {
    if let known = known[version], !asking {
      found[version] = known
      return true
    }
    let path = manifestPath(model, version)
    let before = known[version].map { StoredFile(bytes: [], tag: $0.tag) }
    let file: StoredFile?
    do throws(PublishError) {
      file = try repository.store.file(path, bytesMax: Manifest.Limits.manifestBytes, known: before)
    } catch {
      guard error.reason == .manifestInvalid else { throw error }
      faults[version] = error
      return true
    }
    guard let file else { return false }
    if let known = known[version], let before, file == before {
      found[version] = known
      return true
    }
    do throws(PublishError) {
      let manifest = try Manifest.published(file.bytes, model, version, at: "\(repository.place)/\(path)")
      found[version] = RepositoryMemory.Known(identity: manifest.identity, tag: file.tag)
    } catch { faults[version] = error }
    return true
  }
}
