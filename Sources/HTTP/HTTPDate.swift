internal import Bytes

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and its CR LF (IMF-fixdate, RFC 9110 §5.6.7), composed once a second.
struct DateLine {
  private var unixSeconds = Int.min
  private(set) var line = InlineArray<37, UInt8>(repeating: 0)

  /// O(1); nothing when the second is the same.
  mutating func refresh(unixSeconds: Int) {
    guard unixSeconds != self.unixSeconds else { return }
    self.unixSeconds = unixSeconds
    var text = ByteBuffer(capacity: 37)
    text.append("Date: " as StaticString)
    text.append(httpDate: unixSeconds)
    text.append("\r\n" as StaticString)
    for offset in 0..<37 { line[offset] = text.bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
  }
}

extension ByteBuffer {
  /// Appends a time as RFC 9110 §5.6.7 writes it, 29 bytes. From 1970 to 9999; outside, the nearest of them.
  mutating func append(httpDate unixSeconds: Int) {
    let seconds = min(max(unixSeconds, 0), 253_402_300_799)
    let (day, clock) = (seconds / 86_400, seconds % 86_400)
    let (year, month, dayOfMonth) = civil(daysSince1970: day)
    // 1 January 1970 was a Thursday.
    append(name(day % 7, of: "ThuFriSatSunMonTueWed"))
    append(", " as StaticString)
    append(twoDigits: dayOfMonth)
    append(UInt8(ascii: " "))
    append(name(month - 1, of: "JanFebMarAprMayJunJulAugSepOctNovDec"))
    append(UInt8(ascii: " "))
    append(twoDigits: year / 100)
    append(twoDigits: year % 100)
    append(UInt8(ascii: " "))
    append(twoDigits: clock / 3600)
    append(UInt8(ascii: ":"))
    append(twoDigits: clock / 60 % 60)
    append(UInt8(ascii: ":"))
    append(twoDigits: clock % 60)
    append(" GMT" as StaticString)
  }

  private mutating func append(twoDigits value: Int) {
    append(UInt8(ascii: "0") + UInt8(value / 10))
    append(UInt8(ascii: "0") + UInt8(value % 10))
  }

  private mutating func append(_ name: (UInt8, UInt8, UInt8)) {
    append(name.0)
    append(name.1)
    append(name.2)
  }

  private func name(_ index: Int, of names: StaticString) -> (UInt8, UInt8, UInt8) {
    let start = names.utf8Start + 3 * index
    return (start[0], start[1], start[2])
  }
}

/// Year, month and day of a day count, proleptic Gregorian: `civil_from_days` of Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", for days from 1970 on.
private func civil(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
  let shifted = days + 719_468
  let era = shifted / 146_097
  let dayOfEra = shifted % 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let marchMonth = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
  let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}
