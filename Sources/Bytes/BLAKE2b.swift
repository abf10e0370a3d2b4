internal import CCrypto

/// BLAKE2b with 64 bytes of digest (RFC 7693) over bytes that come in pieces: what minisign signs in a file's stead.
public struct BLAKE2b512: ~Copyable {
  private let context: OpaquePointer

  public init() {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, EVP_blake2b512(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
  }

  /// 64 bytes.
  public consuming func finish() -> [UInt8] {
    let context = context
    return [UInt8](unsafeUninitializedCapacity: 64) { digest, count in
      EVP_DigestFinal_ex(context, digest.baseAddress, nil)
      count = 64
    }
  }

  public static func digest(_ bytes: RawSpan) -> [UInt8] {
    var hash = BLAKE2b512()
    hash.update(bytes)
    return hash.finish()
  }
}

/// BLAKE2b without a key and with a digest of 1 to 64 bytes. O(bytes).
///
/// libcrypto 3.0 has the length of 64 alone, and a shorter digest is another function, not a part of the longer one.
/// minisign checks the contents of a secret key file by 32 bytes: some 140 bytes of input, so this need not be fast.
public func blake2b(_ bytes: [UInt8], digestBytes: Int) -> [UInt8] {
  precondition((1...64).contains(digestBytes))
  var state = initial
  state[0] ^= 0x0101_0000 ^ UInt64(digestBytes)
  var start = 0
  repeat {
    let end = min(bytes.count, start + 128)
    let block = bytes[start..<end] + Array(repeating: 0, count: 128 - (end - start))
    compress(&state, Array(block), bytesSoFar: UInt64(end), isLast: end == bytes.count)
    start = end
  } while start < bytes.count
  return (0..<digestBytes).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> UInt64(8 * ($0 % 8))) }
}

private func compress(_ state: inout [UInt64], _ block: [UInt8], bytesSoFar: UInt64, isLast: Bool) {
  let words = (0..<16).map { littleEndian(block[8 * $0..<8 * $0 + 8]) }
  var v = state + initial
  v[12] ^= bytesSoFar
  if isLast { v[14] = ~v[14] }
  func rotated(_ value: UInt64, _ by: UInt64) -> UInt64 { value >> by | value << (64 - by) }
  func mix(_ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt64, _ y: UInt64) {
    v[a] = v[a] &+ v[b] &+ x
    v[d] = rotated(v[d] ^ v[a], 32)
    v[c] = v[c] &+ v[d]
    v[b] = rotated(v[b] ^ v[c], 24)
    v[a] = v[a] &+ v[b] &+ y
    v[d] = rotated(v[d] ^ v[a], 16)
    v[c] = v[c] &+ v[d]
    v[b] = rotated(v[b] ^ v[c], 63)
  }
  for round in 0..<12 {
    let order = orders[round % orders.count]
    for lane in 0..<4 { mix(lane, 4 + lane, 8 + lane, 12 + lane, words[order[2 * lane]], words[order[2 * lane + 1]]) }
    for lane in 0..<4 {
      mix(
        lane, 4 + (lane + 1) % 4, 8 + (lane + 2) % 4, 12 + (lane + 3) % 4, words[order[8 + 2 * lane]],
        words[order[9 + 2 * lane]])
    }
  }
  for place in 0..<8 { state[place] ^= v[place] ^ v[8 + place] }
}

private func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

private let initial: [UInt64] = [
  0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
  0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
]

/// The order in which a round takes the words of a block.
private let orders: [[Int]] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
