import Configuration
import TestSupport
import Testing

@testable import Gateway

@Suite struct ServingPlanTests {
  /// What keeps these settings from serving; nil when nothing does.
  private func fault(_ flags: [String: String], _ placement: (inout PlacementSettings) -> Void = { _ in }) throws
    -> String?
  {
    var settings = try Settings(Configuration(flags: flags.mapValues { [$0] }))
    placement(&settings.placements["home"]!)
    do {
      _ = try ServingPlan(settings)
      return nil
    } catch {
      #expect(error.fault == .configuration)
      return error.description
    }
  }

  @Test func `the defaults can serve`() throws { #expect(try fault([:]) == nil) }

  @Test(arguments: [
    ("listen", "nonsense"), ("listen", "127.0.0.1:70000"), ("admin.listen", "x"), ("admin.listen", "0.0.0.0:9090"),
    ("memcached.servers", "a b"), ("memcached.servers", "host:99999"), ("admin.tokenFile", "/does/not/exist"),
  ])
  func `what cannot be is refused by the name of its key`(key: String, text: String) throws {
    let sentence = try #require(try fault([key: text]))
    #expect(sentence.hasPrefix(key), "\(sentence)")
  }

  @Test func `a filter that cannot be read names its placement`() throws {
    #expect(try fault([:]) { $0.filter = "brand:x" }?.hasPrefix("placements.home.filter: ") == true)
    #expect(try fault([:]) { $0.filter = "category:shoes,-category:sale" } == nil)
  }

  @Test func `languages are of two letters, once each`() throws {
    #expect(try fault(["context.languages": "english"])?.hasPrefix("context: ") == true)
    #expect(try fault(["context.regions": "de"]) == nil)
  }

  @Test func `the token of admin calls is the first line of its file`() throws {
    let folder = TemporaryFolder()
    let path = folder.write(" geheim \nof the node\n", to: "token")
    #expect(try ServingPlan(Settings(Configuration(flags: ["admin.tokenFile": [path]]))).token == "geheim")
  }

  @Test func `a file that is no identity key says how to make one`() throws {
    let folder = TemporaryFolder()
    let path = folder.write("no key", to: "identity.key")
    #expect(try fault(["identity.keyFile": path])?.contains("openssl rand -hex 16") == true)
  }
}
