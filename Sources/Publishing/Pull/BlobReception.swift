internal import Bytes

/// One blob on its way in: at most `wireSize` bytes of frame, exactly `size` bytes of content, both with their digests.
/// Knows nothing of where the bytes come from, so they may come over several connections.
struct BlobReception: ~Copyable {
  private let section: Manifest.Section
  private let place: String
  private var frame: FrameDecompressor
  private var wireHash = SHA256()
  private(set) var wireBytes = 0
  private var content = Content()

  /// What came out of the frame so far.
  private struct Content: ~Copyable {
    var hash = SHA256()
    var bytes = 0
  }

  /// - Parameter place: of the version, for errors.
  init(_ section: Manifest.Section, at place: String) throws(PublishError) {
    self.section = section
    self.place = place
    frame = try FrameDecompressor()
  }

  /// Takes the next bytes of the frame and hands on what they decompress to.
  mutating func take(_ piece: RawSpan, emit: (RawSpan) throws(PublishError) -> Void) throws(PublishError) {
    wireBytes += piece.byteCount
    guard wireBytes <= section.wireSize else {
      throw refusal(section, place, "has more than the \(section.wireSize) bytes that the manifest says")
    }
    wireHash.update(piece)
    try Self.decompress(piece, &frame, &content, section, place, emit)
  }

  private static func decompress(
    _ piece: RawSpan, _ frame: inout FrameDecompressor, _ content: inout Content, _ section: Manifest.Section,
    _ place: String, _ emit: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) {
    try frame.feed(piece) { (output: RawSpan) throws(PublishError) in
      content.bytes += output.byteCount
      guard content.bytes <= section.size else {
        throw refusal(section, place, "decompresses to more than the \(section.size) bytes of the manifest")
      }
      content.hash.update(output)
      try emit(output)
    }
  }

  /// To be called when all bytes have come: says whether they are what was published.
  consuming func finish() throws(PublishError) {
    let (section, place, rawBytes) = (section, place, content.bytes)
    guard frame.isFinished else { throw refusal(section, place, "ends in the middle of its frame") }
    guard rawBytes == section.size else {
      throw refusal(section, place, "decompresses to \(rawBytes) bytes, not \(section.size)")
    }
    guard wireHash.finish() == section.wireDigest else {
      throw refusal(section, place, "is not the frame that was published")
    }
    guard content.hash.finish() == section.digest else {
      throw refusal(section, place, "is not the content that was published")
    }
  }
}

private func refusal(_ section: Manifest.Section, _ place: String, _ detail: String) -> PublishError {
  PublishError(.digestMismatch, "\(place)/\(section.digest): section \(section.tag) \(detail)")
}

/// Takes in one blob of a version. A connection that breaks is taken up again at the byte that was reached.
func receive(
  _ section: Manifest.Section, _ model: String, _ version: Int, from repository: any Repository,
  pause: (_ milliseconds: Int) -> Void = sleep(milliseconds:),
  emit: (RawSpan) throws(PublishError) -> Void
) throws(PublishError) {
  var reception = try BlobReception(section, at: repository.place(of: model, version))
  var resumption = Resumption()
  while true {
    let start = reception.wireBytes
    var isRefused = false
    do throws(PublishError) {
      try repository.readBlob(of: section, model, version, fromByte: start) { (piece: RawSpan) throws(PublishError) in
        do throws(PublishError) { try reception.take(piece, emit: emit) } catch {
          isRefused = true
          throw error
        }
      }
      break
    } catch {
      // A server that restarts is not there for a moment; one that never was needs no second try.
      let mayWork = error.cause == .interrupted || (error.cause == .unreachable && reception.wireBytes > 0)
      guard !isRefused, mayWork,
        let wait = resumption.waitMilliseconds(afterGaining: reception.wireBytes - start)
      else { throw error }
      pause(wait)
    }
  }
  try reception.finish()
}
