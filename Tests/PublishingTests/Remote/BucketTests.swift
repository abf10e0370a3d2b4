import FoundationEssentials
import Snapshots
import TestSupport
import Testing

@testable import Publishing

/// A bucket behind a stand-in that checks every signature with an HMAC of its own.
@Suite struct BucketTests {
  private let place = Workplace()
  private let signature = SignatureV4(keyID: "AKIAIOSFODNN7EXAMPLE", secret: "se:cret/+=", region: "eu-central-1")

  private var environment: [String: String] {
    ["AWS_ACCESS_KEY_ID": signature.keyID, "AWS_SECRET_ACCESS_KEY": signature.secret]
  }

  private func bucket(sessionToken: String? = nil) -> BucketPeer {
    BucketPeer(place.folder.file("bucket"), bucket: "models", signature, sessionToken: sessionToken)
  }

  private func repository(_ peer: BucketPeer, _ environment: [String: String]? = nil) throws -> RemoteRepository {
    try remote(
      "s3://models/some/prefix?endpoint=\(peer.url)&region=eu-central-1", briefAccess(environment ?? self.environment))
  }

  /// "Example: GET Object" of AWS's "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)".
  @Test func `the stand-in computes the signature of AWS's own example`() {
    let example = SignatureV4(
      keyID: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1")
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    let date = "20130524T000000Z"
    let names = ["host", "range", "x-amz-content-sha256", "x-amz-date"]
    var request = WebPeer.Request(
      method: "GET", target: "/test.txt",
      fields: [
        ("Host", "examplebucket.s3.amazonaws.com"), ("Range", "bytes=0-9"), ("x-amz-content-sha256", empty),
        ("x-amz-date", date),
        (
          "Authorization",
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            + "SignedHeaders=\(names.joined(separator: ";")),"
            + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ),
      ], body: [])
    #expect(ReferenceSHA256.hex(ReferenceSHA256.digest([])) == empty)
    #expect(example.complaint(about: request) == nil)
    request = WebPeer.Request(method: "GET", target: "/test.tx", fields: request.fields, body: [])
    #expect(example.complaint(about: request)?.hasPrefix("SignatureDoesNotMatch") == true)
  }

  @Test func `a bucket takes versions and gives them back`() throws {
    let peer = bucket()
    let repository = try repository(peer)
    let published = try place.publish(1, to: repository)
    #expect(published.identity.version == 1 && published.notes == [])
    try repository.setAlias("champion", of: "home", to: 1)
    let listing = try repository.listing(of: "home")
    #expect(listing.versions[1] == published.identity && listing.aliases.champion == 1)
    let local = try place.hastyStore.pull("home", 1, from: repository)
    #expect(try place.bytes(local.path) == place.bytes(place.folder.file("x.ntsnap")))
    #expect(peer.refusals == [])
    // GET, HEAD and PUT, all of them below the prefix.
    #expect(Set(peer.calls.map { String($0.prefix { $0 != " " }) }).isSuperset(of: ["GET", "HEAD", "PUT"]))
    #expect(peer.calls.allSatisfy { $0.contains("/models/some/prefix/") || $0.contains("list-type=2") })
  }

  @Test func `a section that did not change is copied within the bucket`() throws {
    let peer = bucket()
    try place.publish(1, to: repository(peer))
    let second = try place.publish(2, to: repository(peer))
    #expect(second.sectionsSent == 1 && second.sectionsReused == 2)
    let plan = try PublishPlan(snapshotPath: place.snapshot(place.sections(3)), model: "home", in: repository(peer))
    #expect(plan.sections.map(\.isThere) == [true, false, true])
    #expect(peer.calls.filter { $0.hasPrefix("COPY") }.count == 2 && peer.refusals == [])
    _ = try place.hastyStore.pull("home", 2, from: repository(peer))
  }

  @Test func `models and versions are listed over several pages`() throws {
    let peer = bucket()
    for model in ["a", "b", "c", "home", "z-9"] {
      _ = try repository(peer).publish(
        snapshotPath: place.snapshot(place.sections(1)), model: model, details: someDetails)
    }
    for seed in UInt64(2)...5 { try place.publish(seed, to: repository(peer)) }
    try FileManager.default.removeItem(atPath: place.folder.file("bucket/some/prefix/models/home/versions.json"))
    #expect(try repository(peer).models() == ["a", "b", "c", "home", "z-9"])
    #expect(try repository(peer).listing(of: "home").versions.keys.sorted() == [1, 2, 3, 4, 5])
    #expect(peer.refusals == [])
  }

  @Test func `a transfer is resumed with a range under the signature`() throws {
    let peer = bucket()
    let repository = try repository(peer)
    try place.publish(1, to: repository)
    let section = try #require(try repository.manifest("home", 1).manifest.sections.first)
    var got = 0
    try repository.readBlob(of: section, "home", 1, fromByte: 1000) { got += $0.byteCount }
    #expect(got == section.wireSize - 1000 && peer.refusals == [])
  }

  @Test func `wrong credentials are told of, none too`() throws {
    let peer = bucket()
    var wrong = environment
    wrong["AWS_SECRET_ACCESS_KEY"] = "guessed"
    for environment in [wrong, [:]] {
      let error = #expect(throws: PublishError.self) { try repository(peer, environment).listing(of: "home") }
      #expect(error?.cause == .notAllowed)
      #expect(error?.description.contains("guessed") == false)
    }
    #expect(peer.refusals.count == 2 && peer.refusals[0].hasPrefix("SignatureDoesNotMatch"))
    let half = ["AWS_ACCESS_KEY_ID": "x"]
    #expect(#expect(throws: PublishError.self) { try repository(peer, half).models() }?.cause == .notAllowed)
  }

  @Test func `credentials come from files, too, with a session's token`() throws {
    let peer = bucket(sessionToken: "tempo/rary+token==")
    let environment = [
      "AWS_ACCESS_KEY_ID_FILE": place.folder.write("\(signature.keyID)\n", to: "id"),
      "AWS_SECRET_ACCESS_KEY_FILE": place.folder.write(signature.secret, to: "secret"),
      "AWS_SESSION_TOKEN_FILE": place.folder.write("tempo/rary+token==\n", to: "session"),
    ]
    #expect(try place.publish(1, to: repository(peer, environment)).identity.version == 1)
    #expect(peer.refusals == [])
  }

  @Test func `an endpoint and a region of the environment are used`() throws {
    let peer = bucket()
    var environment = environment
    environment["AWS_ENDPOINT_URL"] = peer.url
    environment["AWS_REGION"] = "eu-central-1"
    let repository = try remote("s3://models", briefAccess(environment))
    #expect(try place.publish(1, to: repository).identity.version == 1)
  }

  @Test(arguments: [nil, MinisignVectors.key]) func `two publishers of a number make two versions`(key: SigningKey?)
    throws
  {
    let peer = bucket()
    let repository = try repository(peer)
    let options = PublishOptions(signedBy: key)
    try place.publish(1, to: repository, options: options)
    // As if another had committed 2 between this one's look and its manifest.
    let snapshot = try Snapshot.open(path: place.snapshot(place.sections(2)), verify: .structure)
    let plan = try PublishPlan(snapshot, "home", repository)
    try place.publish(3, to: repository, options: options)
    var late = RemotePublication(repository, "home", snapshot, plan, options)
    #expect(try late.run(someDetails, { _ in }).identity.version == 3)
    for version in 1...3 {
      #expect(VerificationReport.verify(repository, model: "home", version: version).isValid, "\(version)")
      guard key != nil else { continue }
      let bytes = try repository.manifest("home", version).bytes
      let signature = try repository.signature(of: "home", version: version)
      #expect(MinisignVectors.keyring.refusal(of: bytes, signature, version: version) == nil, "\(version)")
    }
  }
}
