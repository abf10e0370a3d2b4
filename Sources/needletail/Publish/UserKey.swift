import Bytes
import FoundationEssentials
import Gateway
import Model
import Publishing
import Snapshots

/// The key that a snapshot's users were hashed under, on its way to the gateways: without it they know none of them.
///
/// Gateways of a folder find it there as `identity.key`. `snapshot build --out` makes it beside the snapshot, so it comes
/// along with the first publish. Over a network it never travels: `identity.keyFile` is for that.
enum UserKey {
  /// Puts the key where gateways look for it, if that is missing. What is to be said; nil when all is well or nothing can be
  /// known.
  static func bring(for snapshotPath: String, to place: String) -> String? {
    guard let folder = (try? RepositoryLocation(parsing: place))?.folder,
      let wanted = fingerprint(of: snapshotPath)
    else { return nil }
    let path = folder + "/identity.key"
    if FileManager.default.fileExists(atPath: path) {
      guard let key = try? IdentityKeyFile.read(path), key.fingerprint != wanted else { return nil }
      return "users of this snapshot were hashed under another key than \(path), so gateways will know none of them; "
        + "build it with --identity-key-file \(path)"
    }
    let own = URL(filePath: snapshotPath).deletingLastPathComponent().path + "/identity.key"
    guard let key = try? IdentityKeyFile.read(own), key.fingerprint == wanted,
      (try? IdentityKeyFile.readOrMake(path, key)) == key
    else { return "gateways know this snapshot's users only with its key: give them the file as identity.keyFile" }
    return "\(own) was copied to \(path), where gateways look for the key of user hashes"
  }

  /// Nil for a snapshot without users.
  private static func fingerprint(of path: String) -> String? {
    guard let snapshot = try? Snapshot.open(path: path, verify: .structure),
      let model = try? ServingModel(
        snapshot, name: "file", version: 0, digest: SHA256.digest(RawSpan()), checks: .structure),
      model.userCount > 0, !model.provenance.identityKeyFingerprint.isEmpty
    else { return nil }
    return model.provenance.identityKeyFingerprint
  }
}
