internal import Bytes
internal import Glibc

/// The file of a secret key, as minisign 0.11 writes it: a comment and, in base64,
///
///     "Ed"   "Sc", or two zeros without a password   "B2"   salt 32   opslimit u64   memlimit u64
///     then, XORed with scrypt(password, salt) if there is one:   key id 8   seed 32   public key 32   checksum 32
///
/// The checksum, BLAKE2b-256 of "Ed", key id, seed and public key, tells a wrong password. Without a password minisign
/// leaves it zero.
public enum SecretKeyFile {
  /// What a password costs to try, in libsodium's words.
  struct Limits: Equatable {
    /// Operations.
    let operations: UInt64
    /// Bytes.
    let memory: UInt64

    /// minisign's: 1 GiB and some seconds for each guess.
    static let sensitive = Limits(operations: 33_554_432, memory: 1 << 30)
    /// What a file may ask for before it is refused: four times as much.
    static let memoryMax: UInt64 = 4 << 30
    static let operationsMax: UInt64 = 4 * 33_554_432

    /// N, r and p as libsodium's `pickparams` derives them (crypto_pwhash_scryptsalsa208sha256); nil beyond the bounds.
    var cost: ScryptCost? {
      guard memory <= Limits.memoryMax, operations <= Limits.operationsMax else { return nil }
      let operations = max(operations, 32768)
      let r: UInt64 = 8
      let isBoundByOperations = operations < memory / 32
      let nMax = isBoundByOperations ? operations / (r * 4) : memory / (r * 128)
      var log2N = 1
      while log2N < 63 && (1 as UInt64) << UInt64(log2N) <= nMax / 2 { log2N += 1 }
      let p = isBoundByOperations ? 1 : min((operations / 4) >> UInt64(log2N), 0x3fff_ffff) / r
      guard (1...1024).contains(p) else { return nil }
      return ScryptCost(log2N: log2N, r: Int(r), p: Int(p))
    }
  }

  private static let algorithm = Array("Ed".utf8)
  private static let scryptName = Array("Sc".utf8)
  private static let checksumName = Array("B2".utf8)
  private static let secretBytes = KeyID.byteCount + Ed25519.seedBytes + Ed25519.publicKeyBytes + 32
  private static let byteCount = 2 + 2 + 2 + 32 + 8 + 8 + secretBytes
  private static let fileBytesMax = 4096

  /// Reads a secret key.
  ///
  /// - Parameter password: asked for when the file needs one.
  public static func read(
    _ path: String, password: () throws(SigningError) -> [UInt8]
  ) throws(SigningError) -> SigningKey {
    func malformed(_ what: String) -> SigningError { SigningError(.malformed, "\(path): \(what)") }
    var raw = try rawBytes(path)
    defer { wipe(&raw) }
    guard Array(raw[0..<2]) == algorithm, Array(raw[4..<6]) == checksumName else {
      throw malformed("is a secret key of a kind that this program does not know")
    }
    var secret = Array(raw[54...])
    defer { wipe(&secret) }
    let isEncrypted = raw[2..<4] != [0, 0]
    if isEncrypted {
      guard Array(raw[2..<4]) == scryptName else { throw malformed("has a password of a kind that is not known here") }
      let limits = Limits(operations: littleEndian(raw[38..<46]), memory: littleEndian(raw[46..<54]))
      var given = try password()
      defer { wipe(&given) }
      try toggle(&secret, given, salt: Array(raw[6..<38]), limits, path)
    }
    guard secret[72...] == checksum(secret)[...] || !isEncrypted && secret[72...].allSatisfy({ $0 == 0 }) else {
      throw isEncrypted ? SigningError(.wrongPassword, "\(path): the password is wrong") : malformed("is damaged")
    }
    var seed = Array(secret[8..<40])
    defer { wipe(&seed) }
    let key = SigningKey(id: KeyID(secret[0..<8]), secret: Ed25519PrivateKey(seed: seed)!)
    guard key.publicKey.bytes == Array(secret[40..<72]) else {
      throw malformed("is damaged: its two halves do not belong together")
    }
    return key
  }

  /// Whether the file needs a password.
  public static func isEncrypted(_ path: String) throws(SigningError) -> Bool {
    try rawBytes(path)[2..<4] != [0, 0]
  }

  /// Whether others than the owner may read the file.
  public static func isExposed(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  /// Writes a key into a new file that its owner alone may read, with a password or, with nil, without one.
  public static func write(
    _ key: SigningKey, to path: String, password: [UInt8]?, replacing: Bool = false
  ) throws(SigningError) {
    try write(key, to: path, password: password, limits: .sensitive, replacing: replacing)
  }

  static func write(
    _ key: SigningKey, to path: String, password: [UInt8]?, limits: Limits, replacing: Bool = false
  ) throws(SigningError) {
    var seed = key.secret.seed
    defer { wipe(&seed) }
    var secret = key.id.bytes + seed + key.secret.publicKey
    defer { wipe(&secret) }
    var head = algorithm + [0, 0] + checksumName + Array(repeating: 0, count: 48)
    if let password {
      secret += checksum(secret)
      let salt = (0..<32).map { _ in UInt8.random(in: 0...255) }
      try toggle(&secret, password, salt: salt, limits, path)
      head = algorithm + scryptName + checksumName + salt + bytes(limits.operations) + bytes(limits.memory)
    } else {
      secret += Array(repeating: 0, count: 32)
    }
    var text = Array("\(MinisignText.untrusted)minisign \(password == nil ? "" : "encrypted ")secret key\n".utf8)
    text += Array((base64(head + secret) + "\n").utf8)
    defer { wipe(&text) }
    try place(text, at: path, replacing: replacing)
  }

  private static func rawBytes(_ path: String) throws(SigningError) -> [UInt8] {
    var bytes: [UInt8]
    do { bytes = try FileReader.bytes(of: path, max: fileBytesMax) } catch {
      throw SigningError(.cannotRead, error.detail)
    }
    defer { wipe(&bytes) }
    guard let lines = MinisignText.lines(bytes, count: 2),
      MinisignText.comment(lines[0], after: MinisignText.untrusted) != nil,
      let raw = MinisignText.bytes(lines[1], count: byteCount)
    else {
      throw SigningError(
        .malformed, "\(path): is not a secret key of minisign; `needletail keygen` and `minisign -G` make one")
    }
    return raw
  }

  /// Encrypts what is plain and decrypts what is not.
  private static func toggle(
    _ secret: inout [UInt8], _ password: [UInt8], salt: [UInt8], _ limits: Limits, _ path: String
  ) throws(SigningError) {
    guard let cost = limits.cost else {
      throw SigningError(.malformed, "\(path): asks for more work on its password than \(Limits.memoryMax >> 30) GiB")
    }
    guard var stream = scrypt(password: password, salt: salt, cost: cost, count: secret.count) else {
      throw SigningError(
        .notEnoughMemory, "\(path): its password needs \(cost.memoryBytes >> 20) MiB of memory, which are not to be had"
      )
    }
    defer { wipe(&stream) }
    for place in secret.indices { secret[place] ^= stream[place] }
  }

  private static func checksum(_ secret: [UInt8]) -> [UInt8] { blake2b(algorithm + secret[..<72], digestBytes: 32) }

  /// The name appears with the whole file; a file that is there is replaced only if it may be.
  private static func place(_ text: [UInt8], at path: String, replacing: Bool) throws(SigningError) {
    func failed(_ what: String) -> SigningError { SigningError(.cannotWrite, "\(path): \(what)") }
    let temporary = "\(path).\(UInt64.random(in: 0 ... .max))"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failed("cannot be written: \(String(cString: strerror(errno)))") }
    let wrote = Glibc.write(descriptor, text, text.count)
    let isDurable = fsync(descriptor) == 0
    close(descriptor)
    defer { unlink(temporary) }
    guard wrote == text.count, isDurable else { throw failed("cannot be written: is the disk full?") }
    // A link fails when the name is taken; a rename replaces what has it.
    guard replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0 else {
      throw failed(
        errno == EEXIST
          ? "is there already; a key that is replaced is lost, so name another or say --force"
          : "cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
  }
}
