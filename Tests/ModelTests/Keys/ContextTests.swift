import TestSupport
import Testing

@testable import Model

private let vocabulary = try! ContextVocabulary(languages: ["en", "DE", "mo"], regions: ["us", "DE", "TV"])

private func code(
  _ dimensions: ContextDimensions, device: String = "", locale: String = "", hour: Int = 0
) -> String {
  vocabulary.bucket(
    dimensions, device: device.utf8.span.bytes, locale: locale.utf8.span.bytes, clock: LocalClock(hour: hour)
  ).code
}

@Suite struct ContextBucketTests {
  @Test func `without dimensions everybody is in one bucket`() {
    #expect(code([], device: "mobile", locale: "de-DE", hour: 9) == "*")
    #expect(vocabulary.bucket([]).isAny)
  }

  @Test func `each dimension gives two characters`() {
    #expect(code(.device, device: "Mobile") == "Mo")
    #expect(code(.device, device: "desktop") == "De")
    #expect(code(.device, device: "tablet") == "Ta")
    #expect(code(.device, device: "TV") == "Tv")
    #expect(code(.language, locale: "de-DE") == "de")
    #expect(code(.language, locale: "EN") == "en")
    #expect(code(.region, locale: "de-DE") == "DE")
    #expect(code(.region, locale: "zh_Hant_us") == "US")
    #expect(code(.daypart, hour: 23) == "h5")
    #expect(code([.device, .language, .region, .daypart], device: "mobile", locale: "en-US", hour: 4) == "MoenUSh1")
  }

  @Test func `what is missing or unknown is other`() {
    #expect(code(.device) == "Ot")
    #expect(code(.device, device: "fridge") == "Ot")
    for locale in ["", "d", "deu", "fr-FR", "12-DE", "d1"] {
      #expect(code(.language, locale: locale) == "ot", "\(locale)")
    }
    for locale in ["", "de", "de-", "de-FR", "de-Latn", "de-419", "-"] {
      #expect(code(.region, locale: locale) == "OT", "\(locale)")
    }
    #expect(vocabulary.bucket([.device, .language, .region, .daypart]).code == "OtotOTh0")
  }

  @Test func `every request falls into a bucket that is enumerated, and buckets differ`() {
    let all: ContextDimensions = [.device, .language, .region, .daypart]
    let buckets = Set(vocabulary.buckets(all))
    #expect(buckets.count == 5 * 4 * 4 * 6)
    #expect(Set(buckets.map(\.code)).count == buckets.count)
    #expect(Set(buckets.map(\.key)).count == buckets.count)
    for device in ["mobile", "tv", "x"] {
      for locale in ["de-US", "en", "fr-TV", "", "mo_de"] {
        for hour in 0..<24 {
          let bucket = vocabulary.bucket(
            all, device: device.utf8.span.bytes, locale: locale.utf8.span.bytes, clock: LocalClock(hour: hour))
          #expect(buckets.contains(bucket))
        }
      }
    }
    #expect(vocabulary.buckets([]) == [.any])
    #expect(vocabulary.buckets(.daypart).map(\.code) == ["h0", "h1", "h2", "h3", "h4", "h5"])
  }

  @Test func `a bucket is read back from its code, and nothing else is`() {
    let buckets = vocabulary.buckets([.device, .language, .region, .daypart]) + vocabulary.buckets([.region]) + [.any]
    for bucket in buckets {
      let code = Array(bucket.code.utf8)
      #expect(ContextBucket(code: code.span.bytes) == bucket, "\(bucket.code)")
    }
    for text in ["", "?", "M", "Moh", "M0", "0h", "Mo**", "MoenUSh0De"] {
      let code = Array(text.utf8)
      #expect(ContextBucket(code: code.span.bytes) == nil, "\(text)")
    }
  }

  @Test func `one dimension's code is never another's`() {
    let codes = [ContextDimensions.device, .language, .region, .daypart].flatMap { vocabulary.buckets($0).map(\.code) }
    #expect(Set(codes).count == codes.count)
  }

  @Test func `lists of the configuration are checked`() {
    for (languages, regions) in [
      (["eng"], []), ([""], []), (["en", "EN"], []), (["ot"], []), ([], ["OT"]), ([], ["1A"]),
    ] as [([String], [String])] {
      #expect(throws: ContextVocabularyError.self) { try ContextVocabulary(languages: languages, regions: regions) }
    }
    #expect(ContextDimensions(names: ["device", "daypart"]) == [.device, .daypart])
    #expect(ContextDimensions(names: ["weather"]) == nil)
  }
}

@Suite struct LocalClockTests {
  /// 2026-11-22T16:20:39Z.
  private let time: Int64 = 1_795_364_439

  private func hour(_ zone: String?, at time: Int64, in vocabulary: ContextVocabulary = .standard) -> Int {
    guard let zone else { return vocabulary.clock(hour: nil, unixSeconds: time, zone: nil).hour }
    return vocabulary.clock(hour: nil, unixSeconds: time, zone: zone.utf8.span.bytes).hour
  }

  @Test func `the hour is the client's, else that of its time and zone`() {
    #expect(ContextVocabulary.standard.clock(hour: 7, unixSeconds: time, zone: nil).hour == 7)
    #expect(hour(nil, at: time) == 16)
    #expect(hour("Z", at: time) == 16)
    #expect(hour("+02:00", at: time) == 18)
    #expect(hour(" 02:00", at: time) == 18)
    #expect(hour("-0330", at: time) == 12)
    #expect(hour("+05:45", at: time) == 22)
    #expect(hour("+08", at: time) == 0)
    #expect(hour("-18", at: time) == 22)
    #expect(hour("-01", at: 0) == 23)
  }

  @Test func `a zone that is not understood is UTC`() {
    for zone in ["", "+", "+2", "+2:00", "+99:00", "+02:60", "+02-00", "Mars/Olympus", "+123"] {
      #expect(hour(zone, at: time) == 16, "\(zone)")
    }
  }

  @Test func `zone files give summer and winter time`() throws {
    let zones = TimeZones()
    guard zones.count > 0 else { return }  // No tzdata here.
    let named = try ContextVocabulary(languages: [], regions: [], timeZones: zones)
    #expect(hour("Europe/Berlin", at: time, in: named) == 17)
    #expect(hour("Europe/Berlin", at: time - 120 * 86_400, in: named) == 18)
    #expect(hour("Asia/Kolkata", at: time, in: named) == 21)
    #expect(hour("America/Argentina/Buenos_Aires", at: time, in: named) == 13)
    #expect(hour("UTC", at: time, in: named) == 16)
    #expect(hour("Europe/Nowhere", at: time, in: named) == 16)
  }

  @Test func `a broken zone file is no zone`() {
    var random = SeededRandom(seed: 8)
    let head = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 39)
    for _ in 0..<2_000 {
      var bytes =
        head + head
        + (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      for _ in 0..<4 { bytes[Int.random(in: 20..<88, using: &random)] = UInt8.random(in: 0...9, using: &random) }
      if let zone = TimeZoneFile(bytes.span.bytes) { _ = zone.offsetSeconds(at: 0) }
    }
  }
}
