import Bytes
import Testing

@testable import RepositoryServer

@Suite struct RepositoryResourceTests {
  private let digest = String(repeating: "ab", count: 32)

  @Test func `the paths of a repository name its files`() {
    #expect(RepositoryResource(path: "/models.json") == .models)
    #expect(RepositoryResource(path: "/models/home/versions.json") == .versions(model: "home"))
    #expect(RepositoryResource(path: "/models/home/aliases.json") == .aliases(model: "home"))
    #expect(RepositoryResource(path: "/models/home/aliases.json.minisig") == .aliasesSignature(model: "home"))
    #expect(RepositoryResource(path: "/models/home/42/manifest.json") == .manifest(model: "home", version: 42))
    #expect(
      RepositoryResource(path: "/models/home/42/manifest.json.minisig")
        == .manifestSignature(model: "home", version: 42))
    #expect(
      RepositoryResource(path: "/models/home/42/\(digest)")
        == .blob(model: "home", version: 42, digest: SHA256Digest(hex: digest)!))
  }

  @Test(arguments: [
    "", "/", "models.json", "//models.json", "/models.json/", "/models", "/models/", "/models/home", "/models/home/",
    "/identity.key", "/models/identity.key", "/models/home/identity.key", "/.trainer/state.json",
    "/models/home/../../identity.key", "/models/../identity.key", "/models/home/1/../2/manifest.json",
    "/models/home/./aliases.json", "/models/home/%2e%2e/aliases.json", "/models/home%2faliases.json",
    "/models/HOME/aliases.json", "/models/ho me/aliases.json", "/models//aliases.json", "/models/home/01/manifest.json",
    "/models/home/+1/manifest.json", "/models/home/0/manifest.json", "/models/home/-1/manifest.json",
    "/models/home/99999999999/manifest.json", "/models/home/1/manifest.json/", "/models/home/1/manifest.json.tmp-1",
    "/models/home/1/MANIFEST.JSON", "/models/home/1/abcd", "/models/home/1", "/models/home/1/",
    "/models/\(String(repeating: "a", count: 33))/aliases.json", "/models/home/aliases.json.tmp-0",
  ])
  func `nothing else of the folder has a path`(_ path: String) {
    #expect(RepositoryResource(path: path) == nil, "\(path)")
  }

  @Test func `a digest in capitals is another name, and names nothing`() {
    #expect(RepositoryResource(path: "/models/home/1/\(String(repeating: "AB", count: 32))") == nil)
  }
}
