import Bytes
import Model
import Publishing

/// A list that was asked for again and again under the version that serves, as far as it means something under the
/// next: whose it is and in which context. Filtered lists are left out: their filter cannot be read off a key.
struct HotList: Sendable, Hashable {
  /// Lists that a worker names, and that are made for a version before it serves: 512 × 15 KB = 8 MB of each L1, and
  /// 512 × 0.3 ms of the loader's time.
  static let countMax = 512
  /// Entries of L1 that are looked at for them: 8,192 × some 50 ns = 0.4 ms of a worker's time, once a version.
  static let lookedAtMax = 8192

  let placement: Int
  let subject: HotSubject
  let bucket: ContextBucket
  /// Of a user; else empty.
  var window: [UInt8] = []

  /// Reads what follows the digest in a key: `<placement>:<subject>:<context>:-`. Nil for segments, all of which are
  /// warmed anyhow, and for variants.
  init?(keyTail: RawSpan, _ placements: Placements) {
    var parts: [Range<Int>] = []
    var start = 0
    for offset in 0..<keyTail.byteCount
    where keyTail.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == UInt8(ascii: ":") {
      parts.append(start..<offset)
      start = offset + 1
    }
    guard parts.count == 3, keyTail.byteCount == start + 1,
      keyTail.unsafeLoad(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: "-"),
      let placement = placements.index(of: keyTail.extracting(parts[0])),
      let subject = HotSubject(keyTail.extracting(parts[1])),
      let bucket = ContextBucket(code: keyTail.extracting(parts[2]))
    else { return nil }
    self.placement = placement
    self.subject = subject
    self.bucket = bucket
  }

  /// How the list is made under a version; nil where it cannot be.
  func recipe(_ shelf: Shelf) -> Recipe? {
    guard let served = shelf.served else { return nil }
    switch subject {
    case .user(let user): return Recipe(shelf, .user(user), bucket)
    case .item(let hash):
      return served.model.item(hash: hash).map { Recipe(shelf, .item(index: $0, hash: hash), bucket) }
    }
  }
}

/// A subject that means the same in every version.
enum HotSubject: Sendable, Hashable {
  case user(UserHash)
  /// XXH3 of the id.
  case item(UInt64)

  /// Reads `u<16 base64url characters>` or `i<16 hexadecimal digits>`.
  init?(_ text: RawSpan) {
    guard text.byteCount == 17 else { return nil }
    let rest = text.extracting(1..<17)
    switch text.unsafeLoad(fromByteOffset: 0, as: UInt8.self) {
    case UInt8(ascii: "u"):
      guard let user = UserHash(base64url: rest) else { return nil }
      self = .user(user)
    case UInt8(ascii: "i"):
      guard let hash = UInt64(String(copying: rest), radix: 16) else { return nil }
      self = .item(hash)
    default: return nil
    }
  }
}

/// Rendered lists of a version that is about to serve, on their way into every worker's L1.
final class PreparedLists: Sendable {
  struct List: Sendable {
    let key: [UInt8]
    let bytes: [UInt8]
    let freshUntil: UInt32
    let staleUntil: UInt32
  }

  let version: ModelIdentity
  let lists: [List]

  init(_ version: ModelIdentity, _ lists: [List]) {
    self.version = version
    self.lists = lists
  }
}
