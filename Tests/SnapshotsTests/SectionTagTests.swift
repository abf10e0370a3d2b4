import Testing

@testable import Snapshots

@Suite struct SectionTagTests {
  @Test(arguments: ["a", "vec.f32", "12345678", "A_b-c.D"]) func `a tag survives its eight bytes`(name: String) throws {
    let tag = try #require(SectionTag(name))
    #expect(tag.description == name)
    #expect(SectionTag(code: tag.code) == tag)
  }

  @Test(arguments: ["", "123456789", "a b", "a/b", "é", "a\0b"]) func `a name that cannot be a tag is none`(
    name: String
  ) {
    #expect(SectionTag(name) == nil)
  }
}
