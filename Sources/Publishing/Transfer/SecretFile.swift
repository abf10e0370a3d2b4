/// The token or key that a small file holds: its first line, without white space at the ends. Whoever offers a token and
/// whoever asks for it read it here, or a file that suits one of them would not suit the other.
public func secret(inFile path: String) throws(PublishError) -> String {
  guard let bytes = try? FileReader.bytes(of: path, max: 1 << 16) else {
    throw PublishError(.fetchFailed, "\(path): the secret that it should hold cannot be read", cause: .notAllowed)
  }
  var line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
  while let first = line.first, isBlank(first) { line.removeFirst() }
  while let last = line.last, isBlank(last) { line.removeLast() }
  // What a header field can carry as it is.
  guard !line.isEmpty, line.allSatisfy({ (32...126).contains($0) }) else {
    throw PublishError(.fetchFailed, "\(path): holds no secret in its first line", cause: .notAllowed)
  }
  return String(decoding: line, as: UTF8.self)
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
