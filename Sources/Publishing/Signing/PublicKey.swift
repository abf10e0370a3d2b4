internal import Bytes

/// The public half of a key pair, which verifies.
public struct PublicKey: Sendable, Hashable {
  public let id: KeyID
  /// 32 bytes of Ed25519.
  let bytes: [UInt8]

  private static let algorithm = Array("Ed".utf8)
  private static let fileBytesMax = 4096

  init(id: KeyID, bytes: [UInt8]) {
    self.id = id
    self.bytes = bytes
  }

  /// Reads the one line of a key, such as `RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3`; nil for anything else.
  public init?(text: String) { self.init(base64: Array(text.utf8)) }

  private init?(base64 line: [UInt8]) {
    guard
      let raw = MinisignText.bytes(line, count: Self.algorithm.count + KeyID.byteCount + Ed25519.publicKeyBytes),
      raw.starts(with: Self.algorithm)
    else { return nil }
    self.init(id: KeyID(raw[2..<10]), bytes: Array(raw[10...]))
  }

  /// Reads a public key file: a comment and the key.
  public init(file path: String) throws(SigningError) {
    let bytes: [UInt8]
    do { bytes = try FileReader.bytes(of: path, max: Self.fileBytesMax) } catch {
      throw SigningError(.cannotRead, error.detail)
    }
    guard let lines = MinisignText.lines(bytes, count: 2),
      MinisignText.comment(lines[0], after: MinisignText.untrusted) != nil, let key = PublicKey(base64: lines[1])
    else {
      throw SigningError(
        .malformed, "\(path): is not a public key of minisign; `needletail keygen` and `minisign -G` make one")
    }
    self = key
  }

  /// The key's one line.
  public var text: String { base64(Self.algorithm + id.bytes + bytes) }

  /// What a public key file holds.
  public var fileText: String { "\(MinisignText.untrusted)minisign public key \(id)\n\(text)\n" }
}
