import Bytes
import Configuration
import Model
import Testing

@testable import Gateway

/// What a key says of its list, read back.
@Suite struct HotListTests {
  let placements: Placements
  let user = UserHash(high: 0x0123_4567_89AB_CDEF, low: 0x8765_4321)

  init() throws { placements = try Placements(Settings(Configuration())) }

  private func read(_ tail: String) -> HotList? {
    let bytes = Array(tail.utf8)
    return HotList(keyTail: bytes.span.bytes, placements)
  }

  @Test func `a user's and an item's list are known by their keys`() throws {
    let home = try #require(read("home:u\(user):*:-"))
    #expect(placements.names[home.placement] == "home")
    #expect(home.subject == .user(user) && home.bucket.isAny)
    let detail = try #require(read("detail:i00000000000000ff:Moh4:-"))
    #expect(placements.names[detail.placement] == "detail")
    #expect(detail.subject == .item(255) && detail.bucket.code == "Moh4")
  }

  static let others = [
    "home:s7:*:-", "home:u\(UserHash(high: 1, low: 2)):*:abcdef", "nowhere:i00000000000000ff:*:-", "home:i00ff:*:-",
    "home:ixx000000000000ff:*:-", "home:i00000000000000ff:!!:-", "home", "", ":::", "home:i00000000000000ff:*:-:-",
  ]

  @Test(arguments: others) func `segments, variants and what is no key are passed over`(tail: String) {
    #expect(read(tail) == nil)
  }
}
