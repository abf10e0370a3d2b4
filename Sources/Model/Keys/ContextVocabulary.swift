internal import Bytes

/// The closed lists behind context buckets, and the one function that maps a request to its bucket: the trainer,
/// `precompute` and the gateway all call it.
public struct ContextVocabulary: Sendable {
  /// Languages, or regions, that have a bucket of their own: 32 × 32 × 5 devices × 6 dayparts are 30,720 lists a segment,
  /// which nobody precomputes; more would be a mistake.
  public static let namesMax = 32

  private let languages: [UInt16]
  private let regions: [UInt16]
  private let timeZones: TimeZones

  /// No languages and regions of their own.
  public static let standard = try! ContextVocabulary(languages: [], regions: [])

  /// `languages` as in `en`, `regions` as in `US`: two letters each, in any case.
  public init(
    languages: [String], regions: [String], timeZones: TimeZones = .offsetsOnly
  ) throws(ContextVocabularyError) {
    self.languages = try Self.pairs(languages, "language", firstLetter: UInt8(ascii: "a"), other: Self.otherLanguage)
    self.regions = try Self.pairs(regions, "region", firstLetter: UInt8(ascii: "A"), other: Self.otherRegion)
    self.timeZones = timeZones
  }

  /// The bucket of a request. Whatever is missing or unknown is `other`, so every request has one.
  ///
  /// - Parameters:
  ///   - device: `desktop`, `mobile`, `tablet` or `tv`, in any case.
  ///   - locale: a BCP 47 tag such as `de-DE`, `de_DE` or `zh-Hant-TW`.
  ///   - clock: where the local hour comes from.
  public func bucket(
    _ dimensions: ContextDimensions, device: RawSpan? = nil, locale: RawSpan? = nil,
    clock: LocalClock = LocalClock(now: 0)
  ) -> ContextBucket {
    guard !dimensions.isEmpty else { return .any }
    return ContextBucket(
      device: dimensions.contains(.device) ? Self.device(device) : 0,
      language: dimensions.contains(.language) ? language(locale) : 0,
      region: dimensions.contains(.region) ? region(locale) : 0,
      daypart: dimensions.contains(.daypart) ? Self.daypart(hour: clock.hour) : 0)
  }

  /// Every bucket that a request can fall into, for `precompute`.
  public func buckets(_ dimensions: ContextDimensions) -> [ContextBucket] {
    func values(_ dimension: ContextDimensions, _ values: [UInt16]) -> [UInt16] {
      dimensions.contains(dimension) ? values : [0]
    }
    var buckets: [ContextBucket] = []
    for device in values(.device, Self.devices) {
      for language in values(.language, languages + [Self.otherLanguage]) {
        for region in values(.region, regions + [Self.otherRegion]) {
          for daypart in values(.daypart, (0..<6).map { Self.daypart(hour: $0 * 4) }) {
            buckets.append(ContextBucket(device: device, language: language, region: region, daypart: daypart))
          }
        }
      }
    }
    return buckets
  }

  /// The hour of the day where the user is, from what a request says about time.
  ///
  /// - Parameters:
  ///   - hour: what the client says it is; wins.
  ///   - unixSeconds: the request's `time`, or now.
  ///   - zone: `Z`, `+02:00`, `+0200`, `+02`, or an IANA name that `TimeZones` has; what is not understood is UTC.
  public func clock(hour: Int?, unixSeconds: Int64, zone: RawSpan?) -> LocalClock {
    if let hour, (0...23).contains(hour) { return LocalClock(hour: hour) }
    guard let zone else { return LocalClock(now: unixSeconds) }
    return LocalClock(now: unixSeconds + Int64(timeZones.offsetSeconds(of: zone, at: unixSeconds) ?? 0))
  }

  private static let devices: [UInt16] = [pair("De"), pair("Mo"), pair("Ta"), pair("Tv"), otherDevice]
  private static let otherDevice = pair("Ot")
  private static let otherLanguage = pair("ot")
  private static let otherRegion = pair("OT")

  private static func device(_ name: RawSpan?) -> UInt16 {
    guard let name else { return otherDevice }
    switch name.byteCount {
    case 7 where equalIgnoringCase(name, "desktop"): return devices[0]
    case 6 where equalIgnoringCase(name, "mobile"): return devices[1]
    case 6 where equalIgnoringCase(name, "tablet"): return devices[2]
    case 2 where equalIgnoringCase(name, "tv"): return devices[3]
    default: return otherDevice
    }
  }

  private func language(_ locale: RawSpan?) -> UInt16 {
    guard let locale, endsSubtag(locale, 2) else { return Self.otherLanguage }
    let code = UInt16(locale.byte(0) | 0x20) | UInt16(locale.byte(1) | 0x20) << 8
    return languages.contains(code) ? code : Self.otherLanguage
  }

  /// The first subtag of two letters after the language: a script has four, a UN region three digits.
  private func region(_ locale: RawSpan?) -> UInt16 {
    guard let locale else { return Self.otherRegion }
    for start in 0..<locale.byteCount where isSeparator(locale.byte(start)) {
      let rest = locale.extracting(start + 1..<locale.byteCount)
      guard endsSubtag(rest, 2) else { continue }
      let code = UInt16(rest.byte(0) & 0xDF) | UInt16(rest.byte(1) & 0xDF) << 8
      return regions.contains(code) ? code : Self.otherRegion
    }
    return Self.otherRegion
  }

  private static func daypart(hour: Int) -> UInt16 {
    UInt16(UInt8(ascii: "h")) | UInt16(UInt8(ascii: "0") + UInt8(hour / 4)) << 8
  }

  private static func pair(_ text: StaticString) -> UInt16 {
    UInt16(text.utf8Start[0]) | UInt16(text.utf8Start[1]) << 8
  }

  private static func pairs(
    _ names: [String], _ what: String, firstLetter: UInt8, other: UInt16
  ) throws(ContextVocabularyError) -> [UInt16] {
    guard names.count <= namesMax else {
      throw ContextVocabularyError("\(names.count) \(what)s: at most \(namesMax) can have buckets")
    }
    var pairs: [UInt16] = []
    for name in names {
      let letters = name.utf8.map { $0 | 0x20 }
      guard letters.count == 2, letters.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) else {
        throw ContextVocabularyError("\"\(name)\" is no \(what) of two letters")
      }
      let shift = UInt8(ascii: "a") - firstLetter
      let pair = UInt16(letters[0] - shift) | UInt16(letters[1] - shift) << 8
      guard pair != other else { throw ContextVocabularyError("\"\(name)\" stands for every other \(what)") }
      guard !pairs.contains(pair) else { throw ContextVocabularyError("\(what) \"\(name)\" is listed twice") }
      pairs.append(pair)
    }
    return pairs
  }
}

/// An hour of the day, 0…23.
public struct LocalClock: Sendable, Hashable {
  public let hour: Int

  init(hour: Int) { self.hour = hour }

  /// Seconds since 1970 on the local clock.
  public init(now: Int64) {
    let day = now % 86_400
    hour = Int((day < 0 ? day + 86_400 : day) / 3600)
  }
}

/// A language or region of the configuration that cannot be one.
public struct ContextVocabularyError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

private func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") }

/// Whether the text begins with `length` letters and then ends or goes on with another subtag.
private func endsSubtag(_ text: RawSpan, _ length: Int) -> Bool {
  guard text.byteCount >= length else { return false }
  for offset in 0..<length {
    guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text.byte(offset) | 0x20) else { return false }
  }
  return text.byteCount == length || isSeparator(text.byte(length))
}

func equalIgnoringCase(_ bytes: RawSpan, _ lowercase: StaticString) -> Bool {
  guard bytes.byteCount == lowercase.utf8CodeUnitCount else { return false }
  for offset in 0..<bytes.byteCount where bytes.byte(offset) | 0x20 != lowercase.utf8Start[offset] { return false }
  return true
}
