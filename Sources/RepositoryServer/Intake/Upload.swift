internal import Bytes
internal import Snapshots

/// A blob on its way in: a temporary file beside its name, and the digest of what was written. Let go before `seal`, it
/// takes the file away again.
///
/// The loop appends, then hands the whole of it to the disk's thread and forgets it: never two threads at once, hence
/// unchecked.
final class Upload: @unchecked Sendable {
  let path: String
  private let file: TemporaryFile
  private var hash: SHA256? = SHA256()

  init(to path: String, disk: Disk) throws(DiskError) {
    self.path = path
    file = try TemporaryFile(target: path, disk: disk)
  }

  var byteCount: Int { file.byteCount }

  func append(_ bytes: RawSpan) throws(DiskError) {
    try file.append(bytes)
    hash!.update(bytes)
  }

  /// The digest of all that was appended. Once.
  func digest() -> SHA256Digest { hash.take()!.finish() }

  func seal() throws(DiskError) { try file.seal() }
}
