internal import CLZ4

// Sections travel as LZ4 frames (lz4_Frame_format.md), so that `lz4 -t` and `lz4 -d` work on them: blocks of 4 MiB, with
// the content's size in the head and its checksum at the end.

/// Compresses some bytes into one frame, handed to `emit` in pieces of at most some 4 MiB. `progress` hears how many
/// bytes have been taken in.
func compressFrame(
  _ bytes: RawSpan, progress: (Int) -> Void = { _ in }, emit: (RawSpan) throws(PublishError) -> Void
) throws(PublishError) {
  var context: OpaquePointer?
  guard LZ4F_isError(LZ4F_createCompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
    throw PublishError(.notEnoughMemory, "LZ4: no memory for a compressor")
  }
  defer { LZ4F_freeCompressionContext(context) }
  var preferences = LZ4F_preferences_t()
  preferences.frameInfo.blockSizeID = LZ4F_max4MB
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled
  preferences.frameInfo.contentSize = UInt64(bytes.byteCount)
  preferences.autoFlush = 1
  let pieceBytes = 4 << 20
  var output = [UInt8](repeating: 0, count: LZ4F_compressBound(pieceBytes, &preferences) + Int(LZ4F_HEADER_SIZE_MAX))

  func send(_ result: Int) throws(PublishError) {
    // Cannot happen: the output has room for the bound, and the sizes add up.
    guard LZ4F_isError(result) == 0 else { throw PublishError(.fetchFailed, "LZ4: \(lz4Error(result))") }
    guard result > 0 else { return }
    let piece = output.span.bytes.extracting(0..<result)
    try emit(piece)
  }

  try send(LZ4F_compressBegin(context, &output, output.count, &preferences))
  var done = 0
  while done < bytes.byteCount {
    let count = min(pieceBytes, bytes.byteCount - done)
    let result = bytes.extracting(done..<done + count).withUnsafeBytes { source in
      LZ4F_compressUpdate(context, &output, output.count, source.baseAddress, count, nil)
    }
    try send(result)
    done += count
    progress(done)
  }
  try send(LZ4F_compressEnd(context, &output, output.count, nil))
}

/// Decompresses one frame that comes in pieces. Memory is bounded whatever the frame says; the caller bounds the output.
struct FrameDecompressor: ~Copyable {
  private let context: OpaquePointer
  private var output = [UInt8](repeating: 0, count: 1 << 18)
  /// Whether the frame's end, with its checksum, has been seen.
  private(set) var isFinished = false

  init() throws(PublishError) {
    var context: OpaquePointer?
    guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0, let context else {
      throw PublishError(.notEnoughMemory, "LZ4: no memory for a decompressor")
    }
    self.context = context
  }

  deinit { LZ4F_freeDecompressionContext(context) }

  /// Takes in a piece of the frame and hands on what it decompresses to, at most 256 KiB at a time.
  mutating func feed(
    _ input: RawSpan, emit: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) {
    var taken = 0
    var filled = true
    // A full output may mean that more waits inside, also when all input has been taken.
    while taken < input.byteCount || (filled && !isFinished) {
      guard !isFinished else { throw PublishError(.digestMismatch, "LZ4: bytes after the end of the frame") }
      var produced = output.count
      var consumed = input.byteCount - taken
      let result = input.withUnsafeBytes { source in
        LZ4F_decompress(context, &output, &produced, source.baseAddress.map { $0 + taken }, &consumed, nil)
      }
      guard LZ4F_isError(result) == 0 else { throw PublishError(.digestMismatch, "LZ4: \(lz4Error(result))") }
      guard consumed + produced > 0 || taken == input.byteCount else {
        throw PublishError(.digestMismatch, "LZ4: a frame that leads nowhere")  // Rather than going round for ever.
      }
      taken += consumed
      isFinished = result == 0
      filled = produced == output.count
      guard produced > 0 else { continue }
      let piece = output.span.bytes.extracting(0..<produced)
      try emit(piece)
    }
  }
}

private func lz4Error(_ code: Int) -> String { String(cString: LZ4F_getErrorName(code)) }
