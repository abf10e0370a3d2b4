internal import CCrypto

/// How hard scrypt (RFC 7914) makes it to try passwords.
public struct ScryptCost: Sendable, Equatable {
  /// N is two to the power of this.
  public let log2N: Int
  public let r: Int
  public let p: Int

  public init(log2N: Int, r: Int, p: Int) {
    precondition((1...40).contains(log2N) && (1...1024).contains(r) && (1...1024).contains(p))
    (self.log2N, self.r, self.p) = (log2N, r, p)
  }

  /// The table of N blocks of 128 × r bytes that one derivation fills.
  public var memoryBytes: Int { 128 * r << log2N }
}

/// Derives `count` bytes from a password; nil when there is not the memory for it. Takes as long as `cost` wants: 2²⁰
/// blocks of 1 KiB take some seconds.
public func scrypt(password: [UInt8], salt: [UInt8], cost: ScryptCost, count: Int) -> [UInt8]? {
  var key = [UInt8](repeating: 0, count: count)
  // libcrypto refuses more than it is told may be used; its own blocks beside the table are below a MiB.
  let bytesMax = UInt64(cost.memoryBytes) + UInt64(128 * cost.r * cost.p) + (1 << 20)
  let derived = password.withUnsafeBytes { password in
    EVP_PBE_scrypt(
      password.bindMemory(to: CChar.self).baseAddress, password.count, salt, salt.count, 1 << UInt64(cost.log2N),
      UInt64(cost.r), UInt64(cost.p), bytesMax, &key, count)
  }
  return derived == 1 ? key : nil
}
