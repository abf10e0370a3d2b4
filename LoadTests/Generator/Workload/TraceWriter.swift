internal import Bytes
internal import Glibc
internal import Reactor

/// Writes the trace of one thread to the file that all threads share, some megabytes at a time.
final class TraceWriter {
  static let chunkBytes = 1 << 20

  private let file: TraceFile
  private var buffer = ByteBuffer(capacity: TraceWriter.chunkBytes + 4096)

  init(_ file: TraceFile) { self.file = file }

  /// Takes the method, the target and the body out of a request's bytes.
  func write(_ request: RawSpan, planned: Int64, name: String) {
    request.withUnsafeBytes { bytes in
      guard let line = bytes.endOfLine(from: 0), let head = bytes.endOfBlankLine(from: 0) else { return }
      buffer.append(decimal: planned / 1_000)
      buffer.append(UInt8(ascii: "\t"))
      buffer.append(name)
      buffer.append(UInt8(ascii: "\t"))
      // Less " HTTP/1.1".
      buffer.append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[..<(line - 9)]))
      if head < bytes.count {
        buffer.append(UInt8(ascii: "\t"))
        buffer.append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[head...]))
      }
      buffer.append(UInt8(ascii: "\n"))
    }
    if buffer.count >= TraceWriter.chunkBytes { flush() }
  }

  /// A line of a key trace: what was asked for, and how many bytes it was answered with.
  func writeKey(_ request: RawSpan, planned: Int64, bodyBytes: Int) {
    request.withUnsafeBytes { bytes in
      // Less "GET " and " HTTP/1.1".
      guard let line = bytes.endOfLine(from: 0), line > 13, bytes.begins("GET ") else { return }
      buffer.append(fixed: Double(max(0, planned)) / 1e9, digits: 6)
      buffer.append(UInt8(ascii: " "))
      buffer.append(unsafe: UnsafeRawBufferPointer(rebasing: bytes[4..<(line - 9)]))
      buffer.append(UInt8(ascii: " "))
      buffer.append(decimal: bodyBytes)
      buffer.append(UInt8(ascii: "\n"))
    }
    if buffer.count >= TraceWriter.chunkBytes { flush() }
  }

  func flush() {
    buffer.withBytes { file.write($0) }
    buffer.removeAll()
  }
}

/// A file that all threads of a run append to.
final class TraceFile: Sendable {
  private struct State {
    var descriptor: Int32
    var failure: LoadError?
  }

  private let path: String
  private let state: Guarded<State>

  init(path: String, heading: String) throws(LoadError) {
    self.path = path
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw LoadError("\(path): the trace cannot be written: \(String(cString: strerror(errno)))")
    }
    state = Guarded(State(descriptor: descriptor))
    let line = heading + "\n"
    write(line.utf8.span.bytes)
  }

  deinit { state.withLock { _ = close($0.descriptor) } }

  var failure: LoadError? { state.withLock { $0.failure } }

  func write(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { bytes in
      state.withLock { state in
        var written = 0
        while written < bytes.count, state.failure == nil {
          let count = Glibc.write(state.descriptor, bytes.baseAddress! + written, bytes.count - written)
          if count < 0 && errno == EINTR { continue }
          if count < 0 {
            state.failure = LoadError("\(path): the trace cannot be written: \(String(cString: strerror(errno)))")
          }
          written += max(0, count)
        }
      }
    }
  }
}
