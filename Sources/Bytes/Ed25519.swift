internal import CCrypto

/// Signatures of Ed25519 (RFC 8032), 64 bytes each, by libcrypto.
public enum Ed25519 {
  public static let seedBytes = 32
  public static let publicKeyBytes = 32
  public static let signatureBytes = 64

  /// Whether a signature is a key's own over a message; false for bytes of another length too. O(message).
  public static func isValid(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
    guard signature.count == signatureBytes, publicKey.count == publicKeyBytes,
      let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
    else { return false }
    defer { EVP_PKEY_free(key) }
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}

/// The secret half. libcrypto holds it, and wipes it when the last reference goes.
public final class Ed25519PrivateKey: Sendable {
  // Set once; an EVP_PKEY may be used by several threads at a time.
  nonisolated(unsafe) private let key: OpaquePointer

  /// `seed`: 32 bytes, the secret itself; nil for another number.
  public init?(seed: [UInt8]) {
    guard seed.count == Ed25519.seedBytes,
      let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
    else { return nil }
    self.key = key
  }

  deinit { EVP_PKEY_free(key) }

  /// 32 bytes.
  public var publicKey: [UInt8] {
    raw(Ed25519.publicKeyBytes) { EVP_PKEY_get_raw_public_key(key, $0, $1) }
  }

  /// The secret, 32 bytes; whoever asks for it wipes it.
  public var seed: [UInt8] { raw(Ed25519.seedBytes) { EVP_PKEY_get_raw_private_key(key, $0, $1) } }

  private func raw(_ count: Int, _ get: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>) -> Int32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
      filled = count
      precondition(get(bytes.baseAddress, &filled) == 1)
    }
  }

  /// 64 bytes; the same message always has the same signature. O(message).
  public func sign(_ message: [UInt8]) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    precondition(EVP_DigestSignInit(context, nil, nil, nil, key) == 1)
    return [UInt8](unsafeUninitializedCapacity: Ed25519.signatureBytes) { bytes, count in
      count = Ed25519.signatureBytes
      precondition(EVP_DigestSign(context, bytes.baseAddress, &count, message, message.count) == 1)
    }
  }
}

/// Overwrites a secret that is no longer needed, in a way that no optimiser takes out.
public func wipe(_ bytes: inout [UInt8]) {
  bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
}
