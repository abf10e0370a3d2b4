internal import Bytes
internal import Glibc

/// How far local clocks are from UTC: offsets as clients write them, and IANA names (`Europe/Berlin`).
///
/// The names are read once, at start, from the system's zone files, because FoundationEssentials knows no named zones and
/// a request must not open a file. Shared by all workers.
public final class TimeZones: Sendable {
  /// `Z` and `+02:00` only.
  public static let offsetsOnly = TimeZones(zones: [:])

  /// By XXH3 of the name.
  private let zones: [UInt64: TimeZoneFile]

  init(zones: [UInt64: TimeZoneFile]) { self.zones = zones }

  /// Names that are known.
  public var count: Int { zones.count }

  /// Every zone file below a folder; without the folder, offsets only. About 600 small files.
  public convenience init(folder: String = "/usr/share/zoneinfo") {
    var zones: [UInt64: TimeZoneFile] = [:]
    Self.walk(folder, name: "", depth: 0) { name, path in
      guard let bytes = readFile(path, bytesMax: Self.fileBytesMax) else { return }
      guard let zone = TimeZoneFile(bytes.span.bytes) else { return }
      zones[xxh3(name)] = zone
    }
    self.init(zones: zones)
  }

  /// Seconds east of UTC; nil for what is neither an offset nor a known name. O(log transitions).
  public func offsetSeconds(of zone: RawSpan, at unixSeconds: Int64) -> Int32? {
    if zone.byteCount == 1, zone.byte(0) | 0x20 == UInt8(ascii: "z") { return 0 }
    return parseOffset(zone) ?? zones[xxh3(zone)]?.offsetSeconds(at: unixSeconds)
  }

  /// The largest of the system's is below 4 KiB.
  private static let fileBytesMax = 64 << 10
  /// `America/Argentina/Ushuaia` is three deep.
  private static let depthMax = 3

  private static func walk(_ folder: String, name: String, depth: Int, _ visit: (String, String) -> Void) {
    guard depth < depthMax, let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let file = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      // `posix` and `right` are the same zones again, the latter with leap seconds.
      guard !file.hasPrefix("."), !(depth == 0 && (file == "posix" || file == "right")) else { continue }
      let (path, zone) = ("\(folder)/\(file)", name.isEmpty ? file : "\(name)/\(file)")
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        walk(path, name: zone, depth: depth + 1, visit)
      } else {
        visit(zone, path)
      }
    }
  }
}

/// `+02:00`, `-0330`, `+02`. A `+` in a query that was not percent-encoded arrives as a space: it is taken as `+`.
private func parseOffset(_ text: RawSpan) -> Int32? {
  guard text.byteCount >= 3, text.byteCount <= 6 else { return nil }
  let sign: Int32
  switch text.byte(0) {
  case UInt8(ascii: "+"), UInt8(ascii: " "): sign = 1
  case UInt8(ascii: "-"): sign = -1
  default: return nil
  }
  var digits = 0
  var number: Int32 = 0
  for at in 1..<text.byteCount {
    let byte = text.byte(at)
    if byte == UInt8(ascii: ":"), at == 3, text.byteCount == 6 { continue }
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    number = number * 10 + Int32(byte - UInt8(ascii: "0"))
    digits += 1
  }
  guard digits == 2 || digits == 4 else { return nil }
  if digits == 2 { number *= 100 }
  let (hours, minutes) = (number / 100, number % 100)
  guard hours <= 18, minutes < 60 else { return nil }
  return sign * (hours * 3600 + minutes * 60)
}

private func readFile(_ path: String, bytesMax: Int) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: bytesMax)
  var count = 0
  while count < bytesMax {
    let got = read(file, &bytes[count], bytesMax - count)
    guard got > 0 else { break }
    count += got
  }
  bytes.removeLast(bytesMax - count)
  return bytes
}
