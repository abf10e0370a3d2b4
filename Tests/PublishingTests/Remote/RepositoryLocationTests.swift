import Testing

@testable import Publishing

@Suite struct RepositoryLocationTests {
  @Test func `folders, servers and buckets are told apart`() throws {
    #expect(try RepositoryLocation(parsing: "var/repository") == .folder("var/repository"))
    #expect(try RepositoryLocation(parsing: "file:///srv/r").folder == "/srv/r")
    guard case .web(let address) = try RepositoryLocation(parsing: "https://models.example.com:8443/a/b//") else {
      Issue.record("no web address")
      return
    }
    #expect(address.description == "https://models.example.com:8443/a/b")
    guard
      case .bucket(let bucket) = try RepositoryLocation(
        parsing: "s3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu-central-1")
    else {
      Issue.record("no bucket")
      return
    }
    #expect(bucket.bucket == "bucket" && bucket.prefix == "a/b" && bucket.region == "eu-central-1")
    #expect(bucket.endpoint?.description == "http://127.0.0.1:9000")
    #expect(try RepositoryLocation(parsing: bucket.description) == .bucket(bucket))
  }

  @Test(arguments: [
    "", "ftp://host/x", "http://", "http:///x", "http://host:0/x", "http://host:99999", "http://ho st",
    "http://host/a/../b",
    "http://host/a?b", "http://host/a#b", "http://host/%2e%2e/x", "http://user:pass@host/", "file://x", "s3://",
    "s3://ab",
    "s3://Bucket", "s3://bucket/../x", "s3://bucket?x=y", "s3://bucket?endpoint=ftp://x", "s3://bucket?region=a/b",
    "s3://bucket?endpoint", "http://[zz]/", "http://host/a b",
  ]) func `what is no location is refused`(text: String) {
    #expect(throws: RepositoryLocation.Mistake.self, "\(text)") { try RepositoryLocation(parsing: text) }
  }

  @Test(arguments: [
    ("https://user:geheim@host/x", "by file"), ("https://user:ge/geheim@host/x", "by file"),
    ("s3://AKIAIOSFODNN7EXAMPLE:geheim@bucket/p", "AWS_SECRET_ACCESS_KEY"),
    ("s3://AKIAIOSFODNN7EXAMPLE:ge/geheim@bucket/p", "AWS_SECRET_ACCESS_KEY"),
    ("s3://bucket?endpoint=http://user:geheim@host", "AWS_SECRET_ACCESS_KEY"),
  ]) func `a sentence about a location does not tell its password, but where it belongs`(
    location: String, words: String
  ) {
    let error = #expect(throws: RepositoryLocation.Mistake.self) { try RepositoryLocation(parsing: location) }
    #expect(error?.description.contains("geheim") == false && error?.description.contains(words) == true)
  }

  @Test(arguments: [
    ("s3://bucket/p", "https://bucket.s3.us-east-1.amazonaws.com/p/x"),
    ("s3://my.bucket/p?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.bucket/p/x"),
    ("s3://bucket?endpoint=http://h:9", "http://h:9/bucket/x"),
  ]) func `an object has the URL that its store wants`(location: String, url: String) throws {
    #expect(try remote(location).store.url("x") == url)
  }
}
