import Testing

@testable import Bytes

@Suite struct HashingTests {
  @Test func `SHA-256 of the published example`() {
    // FIPS 180-4 example: "abc".
    let digest = SHA256.digest("abc".utf8.span.bytes)
    #expect(digest.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(digest.prefix == 0xba78_16bf)
    #expect(SHA256Digest(hex: digest.description) == digest)
    #expect(SHA256Digest(hex: "zz") == nil)
  }

  @Test func `XXH3 of the empty input is the library's published value`() {
    #expect(xxh3("") == 0x2D06_8005_38D3_94C2)
  }

  @Test func `SipHash with 128 bits agrees with its authors' vectors`() {
    // Reference vectors: veorq/SipHash vectors.h, vectors_sip128, key 00…0f, inputs of 0, 1, 2 … bytes 00 01 02 ….
    let key = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!
    #expect(key.hash128([]) == (0xe6a8_25ba_047f_81a3, 0x9302_55c7_1472_f66d))
    #expect(key.hash128([0]) == (0x44af_996b_d8c1_87da, 0x45fc_229b_1159_7634))
  }

  @Test func `the hash of a user id is the head of SipHash whatever its length`() {
    let key = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!
    for length in 0..<40 {
      let id = (0..<length).map { UInt8($0) }
      let whole = key.hash128(id)
      let hash = key.hash(id.span.bytes)
      #expect(hash.high == whole.0 && hash.low == UInt32(truncatingIfNeeded: whole.1), "length \(length)")
    }
  }

  @Test func `a user hash survives its 16 characters`() {
    let hash = UserHash(high: 0xDEAD_BEEF_0123_4567, low: 0x89AB_CDEF)
    #expect(hash.description.utf8.count == 16)
    for (text, expected) in [(hash.description, hash), ("not sixteen", nil), ("exactly16chars!!", nil)] {
      let read = UserHash(base64url: text.utf8.span.bytes)
      #expect(read == expected)
    }
  }

  @Test func `an identity key is read from hexadecimal and written back`() {
    let key = IdentityKey(hex: " 00112233445566778899aabbccddeeff\n")
    #expect(key?.hex == "00112233445566778899aabbccddeeff")
    #expect(IdentityKey(hex: "0011") == nil)
    #expect(key?.fingerprint.utf8.count == 16)
  }
}
