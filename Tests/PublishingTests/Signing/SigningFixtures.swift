import Bytes
import FoundationEssentials
import TestSupport

@testable import Publishing

/// Made by Debian's minisign 0.11: a key without a password, `hello\n` signed with it, and the same in the old way.
enum MinisignVectors {
  static let secretKey = """
    untrusted comment: minisign encrypted secret key
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAv4VxKjF1QzBZfK/4FiMNHImv82N2ClYYEX37xLQkb85j1jBUhmszXGYuzGqCujsaA7Y/AX+CLGIFWmKJta5nJmdvJHja087sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

    """
  static let publicKey = """
    untrusted comment: minisign public key 304375312A7185BF
    RWS/hXEqMXVDMGYuzGqCujsaA7Y/AX+CLGIFWmKJta5nJmdvJHja087s

    """
  static let message = Array("hello\n".utf8)
  static let signature = """
    untrusted comment: signature from minisign secret key
    RUS/hXEqMXVDMOLBV/9dsF1Q6uqLmaQpiuG/XSPqgEyUmS19o43AtQPhjwW1NYGRS0pq6NPGeTg93Jy/jSAkvl5+QHMAD+8WIgw=
    trusted comment: model=home version=42 timestamp=1795364439
    lZEUO83b7IuC1QrTbG51huNfg3ea9rBSW6J04Tiyqe0bd7WbLQQIJCYLFDcePAzwbQypGPi649OzKPjvQ/RnDQ==

    """
  static let legacySignature = """
    untrusted comment: signature from minisign secret key
    RWS/hXEqMXVDMLB5sjy0dKDyWJYBFklG5arRIt0VwVxO6LTW0NyOtEYtHXCZGBzMlf4Iw+8i3lx2p/O4SJOW5KRRpIS90/o7UQo=
    trusted comment: model=home version=42 timestamp=1795364439
    y1Lcl+IMjsH+QosuwI10M6ZHsGyEsepvQdspzXCJ5njrJxc69vFdAHSDYddYxeHmLmUKAPoGdIP5KNu/dsk1CQ==

    """

  /// A repository's key, read from the vector; and one that nobody trusts.
  static let key: SigningKey = {
    let folder = TemporaryFolder()
    return try! SecretKeyFile.read(folder.write(secretKey, to: "key")) { () throws(SigningError) in [] }
  }()
  static let foreignKey = SigningKey.random()
  static let keyring = Keyring([key.publicKey])
}

extension Keyring {
  /// The reason why a signature does not hold; nil when it does.
  func refusal(
    of manifest: [UInt8], _ signature: [UInt8]?, model: String = "home", version: Int = 42
  ) -> RejectReason? {
    do {
      _ = try verify(manifest: manifest, signature: signature, model: model, version: version)
      return nil
    } catch { return error.reason }
  }
}

func reason<Result>(of body: () throws -> Result) -> RejectReason? {
  do {
    _ = try body()
    return nil
  } catch { return (error as? PublishError)?.reason }
}

extension PublishOptions {
  init(signedBy key: SigningKey?) {
    self.init()
    sign = key?.signManifest
  }
}
