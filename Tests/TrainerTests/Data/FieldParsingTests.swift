import Bytes
import Testing

@testable import Trainer

struct FieldParsingTests {
  private func decimal(_ text: String) -> Double? { parseDecimal(text.utf8.span.bytes) }
  private func time(_ text: String) -> UInt32? { parseTime(text.utf8.span.bytes) }
  private func published(_ text: String) -> UInt32? { parsePublished(text.utf8.span.bytes) }

  @Test func `decimals with sign, fraction and exponent`() {
    #expect(decimal("4") == 4)
    #expect(decimal("-0.5") == -0.5)
    #expect(decimal("+3.") == 3)
    #expect(decimal(".25") == 0.25)
    #expect(decimal("1.5e3") == 1500)
    #expect(decimal("15E-1") == 1.5)
    #expect(decimal("1592337718.0") == 1_592_337_718)
  }

  @Test(arguments: ["", "-", ".", "x", "4x", "1e", "nan", "inf", "1e999", "1,5", "0x10"])
  func `what is no decimal is none`(text: String) {
    #expect(decimal(text) == nil)
  }

  @Test func `Unix times in seconds, milliseconds and finer are told apart by size`() {
    #expect(time("964982703") == 964_982_703)
    #expect(time("1592337718.9") == 1_592_337_718)
    #expect(time("1592337718123") == 1_592_337_718)
    #expect(time("1592337718123456") == 1_592_337_718)
    #expect(time("1592337718123456789") == 1_592_337_718)
  }

  @Test func `ISO 8601 dates with and without clock and zone`() {
    #expect(time("2020-05-31") == 1_590_883_200)
    #expect(time("2020/05/31") == 1_590_883_200)
    #expect(time("2020-05-31T12:30:15Z") == UInt32(1_590_883_200 + 45_015))
    #expect(time("2020-05-31 12:30:15.250") == UInt32(1_590_883_200 + 45_015))
    #expect(time("2020-05-31T12:30+02:00") == UInt32(1_590_883_200 + 45_000 - 7200))
    #expect(time("2020-05-31T12:30:00-0130") == UInt32(1_590_883_200 + 45_000 + 5400))
    #expect(time("2000-02-29") == 951_782_400)
  }

  @Test(arguments: [
    "0", "-5", "yesterday", "2020-13-01", "2020-05-32", "2020-05-31T25:00", "2020-05-31x", "31.05.2020",
  ])
  func `what is no time is none`(text: String) {
    #expect(time(text) == nil)
  }

  @Test func `a year alone is its first day, and before 1970 is old but known`() {
    #expect(published("1995") == 788_918_400)
    #expect(published("1936") == 1)
    #expect(published("1936-05-01") == 1)
    #expect(published("") == 0)
    #expect(published("soon") == nil)
  }
}
