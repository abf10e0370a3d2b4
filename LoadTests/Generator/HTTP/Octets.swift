internal import Glibc

// Looking into bytes of a head, in place. Words are ASCII and lower-case.
extension UnsafeRawBufferPointer {
  /// Where the CR of the next CRLF stands; nil when there is none yet.
  func endOfLine(from start: Int) -> Int? {
    var place = start
    while place < count, let found = memchr(baseAddress! + place, 10, count - place) {
      let newline = baseAddress!.distance(to: UnsafeRawPointer(found))
      if newline > start, self[newline - 1] == 13 { return newline - 1 }
      place = newline + 1
    }
    return nil
  }

  /// Behind the next CRLFCRLF.
  func endOfBlankLine(from start: Int) -> Int? {
    var place = start
    while place < count, let found = memchr(baseAddress! + place, 10, count - place) {
      let newline = baseAddress!.distance(to: UnsafeRawPointer(found))
      if newline >= 3, self[newline - 1] == 13, self[newline - 2] == 10, self[newline - 3] == 13 { return newline + 1 }
      place = newline + 1
    }
    return nil
  }

  func begins(_ word: StaticString) -> Bool {
    count >= word.utf8CodeUnitCount && memcmp(baseAddress!, word.utf8Start, word.utf8CodeUnitCount) == 0
  }

  func equals(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && begins(word) }

  /// The value of a field line, less the spaces around it, if the line begins with this name and colon in any case.
  func value(of name: StaticString) -> Range<Int>? {
    let length = name.utf8CodeUnitCount
    guard count >= length,
      strncasecmp(
        baseAddress!.assumingMemoryBound(to: CChar.self),
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), length) == 0
    else { return nil }
    var start = length
    var end = count
    while start < end, self[start] == 0x20 || self[start] == 9 { start += 1 }
    while end > start, self[end - 1] == 0x20 || self[end - 1] == 9 { end -= 1 }
    return start..<end
  }

  /// A number of decimal digits alone.
  func decimal(_ range: Range<Int>) -> Int? {
    guard !range.isEmpty, range.count <= 15 else { return nil }
    var value = 0
    for place in range {
      let digit = self[place] &- 0x30
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return value
  }

  /// The hexadecimal number that a chunk's line begins with; an extension may follow.
  func hexadecimal(_ range: Range<Int>) -> Int? {
    var value = 0
    var digits = 0
    for place in range {
      let byte = self[place]
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x61...0x66, 0x41...0x46: digit = (byte | 0x20) - 0x57
      case UInt8(ascii: ";") where digits > 0: return value
      default: return nil
      }
      value = value << 4 | Int(digit)
      digits += 1
      if digits > 8 { return nil }
    }
    return digits > 0 ? value : nil
  }

  /// Whether a word stands in a part of the bytes, in any case.
  func contains(_ word: StaticString, in range: Range<Int>) -> Bool {
    let length = word.utf8CodeUnitCount
    guard range.count >= length else { return false }
    for start in range.lowerBound...(range.upperBound - length) {
      var matched = 0
      while matched < length, self[start + matched] | 0x20 == word.utf8Start[matched] { matched += 1 }
      if matched == length { return true }
    }
    return false
  }

  /// Behind the last occurrence of a word.
  func lastEnd(of word: StaticString) -> Int? {
    let length = word.utf8CodeUnitCount
    guard count >= length else { return nil }
    var start = count - length
    while start >= 0 {
      if memcmp(baseAddress! + start, word.utf8Start, length) == 0 { return start + length }
      start -= 1
    }
    return nil
  }
}
