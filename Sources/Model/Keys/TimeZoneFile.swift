internal import Bytes

/// The transitions of one zone, read from a TZif file (RFC 8536), versions 2 to 4.
///
/// The footer's rule for the years after the last transition is not read: the files of Debian's tzdata are "fat" and
/// list transitions up to 2037; afterwards the last offset stays.
struct TimeZoneFile: Sendable {
  /// Unix seconds, ascending.
  private let transitions: [Int64]
  /// Seconds east of UTC before the first transition, and after each.
  private let offsets: [Int32]

  init?(_ bytes: RawSpan) {
    guard let first = Header(bytes, at: 0), first.version >= UInt8(ascii: "2") else { return nil }
    // The first block has 32-bit times, for readers of version 1; the second is the same in 64 bits.
    let second = Header.bytes + first.blockBytes(timeBytes: 4)
    guard let header = Header(bytes, at: second) else { return nil }
    let start = second + Header.bytes
    guard bytes.byteCount - start >= header.blockBytes(timeBytes: 8), header.types > 0 else { return nil }
    let indices = start + 8 * header.times
    let types = indices + header.times
    func offset(ofType type: Int) -> Int32 {
      Int32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: types + 6 * type, as: Int32.self))
    }

    var transitions: [Int64] = []
    var offsets = [offset(ofType: 0)]
    for index in 0..<header.times {
      let type = Int(bytes.byte(indices + index))
      let time = Int64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + 8 * index, as: Int64.self))
      guard type < header.types, index == 0 || time > transitions[index - 1] else { return nil }
      transitions.append(time)
      offsets.append(offset(ofType: type))
    }
    guard offsets.allSatisfy({ abs(Int64($0)) <= 26 * 3600 }) else { return nil }
    self.transitions = transitions
    self.offsets = offsets
  }

  func offsetSeconds(at unixSeconds: Int64) -> Int32 {
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= unixSeconds { low = middle + 1 } else { high = middle }
    }
    return offsets[low]
  }

  /// `TZif`, version, 15 unused bytes, then six counts.
  private struct Header {
    static let bytes = 44
    let version: UInt8
    let universal, standard, leaps, times, types, characters: Int

    init?(_ file: RawSpan, at start: Int) {
      guard file.byteCount - start >= Header.bytes else { return nil }
      guard file.load(start, UInt32.self) == 0x6669_5A54 else { return nil }  // "TZif"
      version = file.byte(start + 4)
      func count(_ place: Int) -> Int {
        Int(UInt32(bigEndian: file.unsafeLoadUnaligned(fromByteOffset: start + 20 + 4 * place, as: UInt32.self)))
      }
      (universal, standard, leaps, times, types, characters) = (
        count(0), count(1), count(2), count(3), count(4), count(5)
      )
    }

    func blockBytes(timeBytes: Int) -> Int {
      times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standard + universal
    }
  }
}
