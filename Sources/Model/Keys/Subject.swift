public import Bytes

/// Whose list it is: what stands in a key between placement and context.
public enum Subject: Sendable, Hashable {
  case segment(Int)
  case user(UserHash)
  /// Items like this one: its place in the catalogue, and the XXH3 of its id, which means the same in every snapshot.
  case item(index: UInt32, hash: UInt64)
}

extension ByteBuffer {
  /// Appends `s<number>`, `u<16 base64url characters>` or `i<16 hexadecimal digits>`.
  public mutating func append(_ subject: Subject) {
    switch subject {
    case .segment(let number):
      append(UInt8(ascii: "s"))
      append(decimal: number)
    case .user(let hash):
      append(UInt8(ascii: "u"))
      append(hash)
    case .item(_, let hash):
      append(UInt8(ascii: "i"))
      append(hex: hash)
    }
  }
}
