import TestSupport
import Testing

@testable import Bytes

@Suite struct SigningTests {
  @Test func `base64 of every length is written and read back`() {
    #expect(
      base64([]) == "" && base64([0xFB]) == "+w==" && base64([0xFF, 0xEF]) == "/+8=" && base64([1, 2, 3]) == "AQID")
    var random = SeededRandom(seed: 1)
    for count in 0..<70 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(Bytes.bytes(base64: Array(base64(bytes).utf8)) == bytes, "\(bytes)")
    }
  }

  @Test(arguments: [
    "A", "AQ", "AQI", "AQID=", "AR==", "AQJ=", "=QID", "AQ=D", "AQI-", "AQI_", "AQI\n", "AQ==AQ==", "====",
  ])
  func `a text that base64 would not have written is refused`(text: String) {
    #expect(Bytes.bytes(base64: Array(text.utf8)) == nil)
  }

  /// Digests of Python's hashlib.
  @Test func `BLAKE2b of every length is that of others`() {
    func hex(_ bytes: [UInt8]) -> String { SigningTests.hex(bytes) }
    #expect(
      hex(blake2b(Array("abc".utf8), digestBytes: 32))
        == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
    #expect(
      hex(blake2b([], digestBytes: 32)) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
    #expect(
      hex(blake2b(Array(repeating: 97, count: 128), digestBytes: 32))
        == "ae2aa48507885c4c950fb809b2076f959cde9f8ea6da260d9a3587df33dac450")
    #expect(
      hex(blake2b(Array(repeating: 97, count: 129), digestBytes: 20)) == "eeff408d65ecf3235b2586586d331fea9014b8d8")
  }

  @Test func `our own BLAKE2b and that of libcrypto agree on 64 bytes`() {
    var random = SeededRandom(seed: 2)
    for count in [0, 1, 63, 127, 128, 129, 255, 256, 257, 1000] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let digest = BLAKE2b512.digest(bytes.span.bytes)
      #expect(blake2b(bytes, digestBytes: 64) == digest, "\(count) bytes")
      var pieces = BLAKE2b512()
      for start in stride(from: 0, to: count, by: 100) {
        pieces.update(Array(bytes[start..<min(count, start + 100)]).span.bytes)
      }
      let inPieces = pieces.finish()
      #expect(inPieces == digest, "\(count) bytes in pieces")
    }
  }

  /// RFC 8032 §7.1, tests 1 and 3.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
  ])
  func `Ed25519 signs and verifies as its RFC says`(seed: String, publicKey: String, message: String, signature: String)
    throws
  {
    let key = try #require(Ed25519PrivateKey(seed: Self.raw(seed)))
    let message = Self.raw(message)
    #expect(Self.hex(key.publicKey) == publicKey && Self.hex(key.seed) == seed)
    #expect(Self.hex(key.sign(message)) == signature)
    #expect(Ed25519.isValid(Self.raw(signature), of: message, by: key.publicKey))
    #expect(!Ed25519.isValid(Self.raw(signature), of: message + [0], by: key.publicKey))
    #expect(!Ed25519.isValid(Array(Self.raw(signature).dropLast()), of: message, by: key.publicKey))
    #expect(!Ed25519.isValid(Self.raw(signature), of: message, by: []))
    #expect(Ed25519PrivateKey(seed: [1, 2, 3]) == nil)
  }

  /// RFC 7914 §12, shortened.
  @Test func `scrypt derives what its RFC says`() {
    let key = scrypt(
      password: Array("pleaseletmein".utf8), salt: Array("SodiumChloride".utf8),
      cost: ScryptCost(log2N: 14, r: 8, p: 1), count: 16)
    #expect(key.map(Self.hex) == "7023bdcb3afd7348461c06cd81fd38eb")
    let empty = scrypt(password: [], salt: [], cost: ScryptCost(log2N: 4, r: 1, p: 1), count: 8)
    #expect(empty.map(Self.hex) == "77d6576238657b20")
  }

  @Test func `a secret that is wiped is gone`() {
    var secret: [UInt8] = [1, 2, 3]
    wipe(&secret)
    #expect(secret == [0, 0, 0])
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    var text = ByteBuffer(capacity: 2 * bytes.count)
    for byte in bytes { text.append(hex: UInt64(byte), digits: 2) }
    return String(copying: text.bytes)
  }

  private static func raw(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
    }
  }
}
