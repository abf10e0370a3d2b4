import Testing

@testable import Publishing

@Suite struct BucketPageTests {
  @Test func `folders and the next page are read from a listing`() {
    let page = BucketPage(
      """
      <?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix>models/</Prefix><IsTruncated>true</IsTruncated>
      <CommonPrefixes><Prefix>models/a/</Prefix></CommonPrefixes>
      <CommonPrefixes><Prefix>models/b/</Prefix></CommonPrefixes><NextContinuationToken>1/+=</NextContinuationToken>
      """)
    #expect(page.folders == ["models/a/", "models/b/"] && page.continuation == "1/+=")
  }

  @Test(arguments: [
    "", "<CommonPrefixes>", "</CommonPrefixes><CommonPrefixes>", "<IsTruncated>true</IsTruncated>", "{}",
    "<CommonPrefixes><Prefix></CommonPrefixes>",
  ]) func `what is no listing has nothing`(text: String) {
    #expect(BucketPage(text).folders == [] && BucketPage(text).continuation == nil)
  }

  @Test func `a query's value keeps only what needs no escape`() {
    #expect(escaped("models/a-b_c.d~e") == "models%2Fa-b_c.d~e")
    #expect(escaped("1/+= ü\n") == "1%2F%2B%3D%20%C3%BC%0A")
  }
}
