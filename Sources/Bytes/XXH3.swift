internal import CXXHash

/// XXH3, 64 bits, over bytes that come in pieces; the result is that of `xxh3` over all of them.
public struct XXH3: ~Copyable {
  private let state: UnsafeMutableRawPointer

  public init() { state = nt_xxh3_start()! }

  deinit { nt_xxh3_free(state) }

  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { nt_xxh3_update(state, $0.baseAddress, $0.count) }
  }

  /// The hash of all bytes so far.
  public func finish() -> UInt64 { nt_xxh3_digest(state) }
}
