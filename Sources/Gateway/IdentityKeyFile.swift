public import Bytes
public import Configuration
import FoundationEssentials
import Glibc
import Publishing

/// Where the key of user hashes lives, and how one comes to be.
///
/// Trainer and gateways of a fleet must hash users alike. On one machine they meet in the repository, so without
/// `identity.keyFile` the key is `identity.key` there, made when it is first needed and readable by its owner alone.
/// A repository that is served to others must not hold it: configure a file then; one that is reached over a network is
/// never asked for it. A gateway keeps a copy beside its
/// snapshots, so that one that restarts without the repository knows the same users.
public enum IdentityKeyFile {
  /// The key that a gateway uses.
  public static func key(for settings: Settings) throws(ServerError) -> IdentityKey {
    if let path = settings.identityKeyFile { return try read(path) }
    let copy = settings.dataDirectory + "/identity.key"
    guard let folder = try? RepositoryLocation(parsing: settings.repository).folder else { return try readOrMake(copy) }
    let path = folder + "/identity.key"
    if !FileManager.default.fileExists(atPath: path) && FileManager.default.fileExists(atPath: copy) {
      return try read(copy)
    }
    let key = try readOrMake(path)
    if (try? read(copy)) != key {
      unlink(copy)
      _ = try readOrMake(copy, key)
    }
    return key
  }

  public static func read(_ path: String) throws(ServerError) -> IdentityKey {
    guard let text = readText(path) else { throw ServerError("the identity key \(path) cannot be read") }
    guard let key = IdentityKey(hex: text) else {
      throw ServerError("the identity key \(path) must hold 32 hexadecimal digits; `openssl rand -hex 16` makes one")
    }
    return key
  }

  /// Reads the key of a folder, or makes it. Of two processes that make it at once one wins and both use that key.
  public static func readOrMake(_ path: String) throws(ServerError) -> IdentityKey { try readOrMake(path, .random()) }

  /// Puts a key there; reads what is there already.
  public static func readOrMake(_ path: String, _ new: IdentityKey) throws(ServerError) -> IdentityKey {
    if FileManager.default.fileExists(atPath: path) { return try read(path) }
    let folder = URL(filePath: path).deletingLastPathComponent().path
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw ServerError("the folder \(folder) cannot be made; may its parent be written to?", .cannotWrite)
    }
    // A name of its own: one that an earlier process with our number left must not stand in the way.
    let temporary = path + ".\(UUID().uuidString)"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ServerError("the identity key \(path) cannot be written: \(String(cString: strerror(errno)))", .cannotWrite)
    }
    let text = Array((new.hex + "\n").utf8)
    let wrote = write(descriptor, text, text.count)
    fsync(descriptor)
    close(descriptor)
    defer { unlink(temporary) }
    guard wrote == text.count else { throw ServerError("the identity key \(path) cannot be written", .cannotWrite) }
    // A link fails when the name is taken, where a rename would replace another's key.
    _ = link(temporary, path)
    return try read(path)
  }
}

/// The text of a small file; nil when it cannot be read.
func readText(_ path: String) -> String? {
  guard let data = try? Data(contentsOf: URL(filePath: path)) else { return nil }
  return String(decoding: data, as: UTF8.self)
}

extension String {
  /// Without white space at its ends.
  var trimmed: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
