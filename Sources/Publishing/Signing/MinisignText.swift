internal import Bytes

/// The text files of minisign 0.11: lines that end in a newline, after a carriage return or not; comments with a prefix,
/// and base64.
///
///     key         untrusted comment: …      base64 of the key
///     signature   untrusted comment: …      base64 of algorithm, key id and signature
///                 trusted comment: …        base64 of the signature over signature and trusted comment
enum MinisignText {
  static let untrusted = "untrusted comment: "
  static let trusted = "trusted comment: "

  /// The lines of a file, without their ends; nil when there are more or fewer, or one has a stray control character.
  static func lines(_ bytes: [UInt8], count: Int) -> [[UInt8]]? {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Array($0) }
    let isEnded = lines.last == []
    if isEnded { lines.removeLast() }
    guard lines.count == count else { return nil }
    for place in lines.indices.dropLast(isEnded ? 0 : 1) where lines[place].last == UInt8(ascii: "\r") {
      lines[place].removeLast()
    }
    let isText = lines.joined().allSatisfy { $0 >= 32 && $0 != 127 || $0 == UInt8(ascii: "\t") }
    return isText ? lines : nil
  }

  /// What follows a prefix; nil for a line without it, or text that is not UTF-8.
  static func comment(_ line: [UInt8], after prefix: String) -> String? {
    guard line.starts(with: prefix.utf8) else { return nil }
    return String(validating: line.dropFirst(prefix.utf8.count), as: UTF8.self)
  }

  /// The bytes of a base64 line, if they are as many as they should be.
  static func bytes(_ line: [UInt8], count: Int) -> [UInt8]? {
    guard let bytes = Bytes.bytes(base64: line), bytes.count == count else { return nil }
    return bytes
  }
}

/// Which key pair a signature is of: eight random bytes, which prove nothing, but tell keys apart.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
  static let byteCount = 8
  /// In the order of the files.
  let bytes: [UInt8]

  init(_ bytes: some Collection<UInt8>) {
    precondition(bytes.count == KeyID.byteCount)
    self.bytes = Array(bytes)
  }

  /// Sixteen hexadecimal digits, as minisign writes them: a number in the reverse order of the bytes.
  public var description: String {
    var text = ByteBuffer(capacity: 16)
    for byte in bytes.reversed() { text.append(hex: UInt64(byte), digits: 2) }
    return String(copying: text.bytes).uppercased()
  }
}
