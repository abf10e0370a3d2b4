internal import Glibc
internal import Publishing

/// What stands in no file: which models there are, and which of their versions are committed. Clients that cannot list
/// folders begin here.
struct RepositoryIndex: Sendable {
  let root: String

  /// `{"models":["films","home"]}`
  func models() -> [UInt8] {
    let models = names(root: root, ["models"]).filter { name in
      isName(name) && RepositoryFile.folder(root: root, names: ["models", name]).map(close) != nil
    }
    return list("models", models.map { "\"\($0)\"" })
  }

  /// `{"versions":[1,2,3]}`, ascending; nil where there is no such model.
  func versions(of model: String) -> [UInt8]? {
    guard RepositoryFile.folder(root: root, names: ["models", model]).map(close) != nil else { return nil }
    return list("versions", committedVersions(of: model).map(String.init))
  }

  /// Those with a manifest, ascending.
  func committedVersions(of model: String) -> [Int] {
    claimedVersions(of: model).filter { isCommitted(model, $0) }
  }

  /// All numbers that are taken.
  func claimedVersions(of model: String) -> [Int] {
    names(root: root, ["models", model]).compactMap(versionNumber).sorted()
  }

  func isCommitted(_ model: String, _ version: Int) -> Bool {
    RepositoryFile.open(root: root, names: RepositoryResource.manifest(model: model, version: version).names!) != nil
  }

  private func list(_ name: String, _ members: [String]) -> [UInt8] {
    Array("{\"\(name)\":[\(members.joined(separator: ","))]}\n".utf8)
  }
}
