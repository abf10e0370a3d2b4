internal import Glibc

/// Random numbers of a catalogue: SplitMix64, so that the same seed gives the same files everywhere.
struct CatalogueRandom {
  private var state: UInt64
  private var spare: Float?

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// In 0..<1.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// In 0..<count.
  mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

  /// Standard normal, two for one logarithm (Box and Muller, 1958).
  mutating func gaussian() -> Float {
    if let spare {
      self.spare = nil
      return spare
    }
    let bits = next()
    let radius = (-2 * logf(Float((bits >> 40) + 1) * 0x1p-24)).squareRoot()
    let angle = 2 * Float.pi * Float(bits & 0xFF_FFFF) * 0x1p-24
    spare = radius * sinf(angle)
    return radius * cosf(angle)
  }
}

/// The head of a `.npy` file of little-endian float32 (numpy/lib/format.py, version 1.0): padded so that the rows begin on
/// 64 bytes.
func npyHeader(rows: Int, columns: Int) -> [UInt8] {
  var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
  text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
  let length = text.utf8.count
  return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
}

/// A file that is written from front to back, a megabyte at a time.
final class OutputFile {
  private let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var failure: Int32 = 0

  init(_ path: String) throws(LabError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .trouble("\(path) cannot be made: \(String(cString: strerror(errno)))") }
    buffer.reserveCapacity(1 << 20)
  }

  deinit { close(descriptor) }

  func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    buffer.append(contentsOf: bytes)
    if buffer.count > 1 << 20 { flush() }
  }

  func write(_ row: [Float]) {
    row.withUnsafeBytes { buffer.append(contentsOf: $0) }
    if buffer.count > 1 << 20 { flush() }
  }

  /// Writes what is left; throws if anything could not be written.
  func finish() throws(LabError) {
    flush()
    guard failure == 0 else { throw .trouble("\(path) cannot be written: \(String(cString: strerror(failure)))") }
  }

  private func flush() {
    var sent = 0
    while sent < buffer.count, failure == 0 {
      let wrote = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + sent, buffer.count - sent) }
      if wrote < 0 { failure = errno } else { sent += wrote }
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
