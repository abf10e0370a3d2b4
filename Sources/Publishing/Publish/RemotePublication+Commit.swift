internal import Snapshots

extension RemotePublication {
  /// Makes the version one; false when another publisher had the number first.
  ///
  /// The signature must lie there before the manifest, and so is written before it is known who gets the number. Whoever
  /// loses puts back what was there: a winner's signature that stays replaced makes its version invalid for ever.
  func commit(_ published: PublishedManifest) throws(PublishError) -> Bool {
    let path = manifestPath(model, version)
    let signature = try options.sign?(published)
    // Blobs may have taken an hour to send: a number that was committed meanwhile is not signed any more.
    // HEAD first, which is asked patiently: all but always there is nothing.
    if try writer.head(path) != nil, try manifestBytes(path) != published.bytes { return false }
    let before = try signature.flatMap { (signature) throws(PublishError) in
      try repository.replaceSignature(of: model, version: version, by: signature)
    }
    let isOurs: Bool
    do throws(PublishError) { isOurs = try put(published, path) } catch {
      if let signature, let before, let present = try? manifestBytes(path), present != published.bytes {
        try? repository.restoreSignature(of: model, version: version, to: before, replacing: signature)
      }
      throw error
    }
    guard isOurs else {
      if let signature, let before {
        try repository.restoreSignature(of: model, version: version, to: before, replacing: signature)
      }
      return false
    }
    // A publisher that lost the number may have put its signature there after ours.
    if let signature, try repository.signature(of: model, version: version) != signature {
      try repository.setSignature(signature, of: model, version: version)
    }
    return true
  }

  /// Whether the manifest that lies there in the end is this one.
  private func put(_ published: PublishedManifest, _ path: String) throws(PublishError) -> Bool {
    let reply = try writer.put(path, Upload(published.bytes), ["If-None-Match: *"])
    if reply.status == 412 || reply.status == 409 {
      // Ours after all, if an answer to an earlier try was lost.
      return try manifestBytes(path) == published.bytes
    }
    guard reply.isSuccess else { throw writer.refusal(reply, path) }
    // Our own server keeps to the condition. Others may have passed over it, and two publishers both have succeeded. What
    // cannot be read now was written all the same.
    guard reply.fields["needletail-repository"] == nil, let present = try? manifestBytes(path) else { return true }
    return present == published.bytes
  }

  private func manifestBytes(_ path: String) throws(PublishError) -> [UInt8]? {
    try repository.store.file(path, bytesMax: Manifest.Limits.manifestBytes)?.bytes
  }
}
