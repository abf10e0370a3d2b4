internal import FoundationEssentials

/// The generated catalogue: 2,000 books, 3,000 readers, trained once a lab and copied for each gateway.
public struct Catalogue {
  public static let model = "catalogue"

  private let lab: Lab
  private let source: String
  /// Interactions and items that version 1 was trained on.
  private let dataFolder: String
  public var interactionsFile: String { dataFolder + "/catalogue/interactions.csv" }
  public var itemsFile: String { dataFolder + "/catalogue/items.csv" }

  /// Has `quickstart` make and train it; some seconds.
  public init(_ lab: Lab) throws(LabError) {
    self.lab = lab
    let folder = try lab.subfolder("catalogue")
    source = folder + "/repository"
    dataFolder = folder + "/data"
    for path in [source, dataFolder] { try makeFolder(path) }
    let port = try freePort(), admin = try freePort()
    let process = try lab.start(
      "quickstart",
      [
        lab.needletail, "quickstart", "--listen", "127.0.0.1:\(port)", "--admin-listen", "127.0.0.1:\(admin)",
        "--repository", source, "--data-dir", dataFolder, "--memcached", "none",
      ])
    try process.wait(for: "a trained catalogue", within: 120) { HTTPAnswer.ask(port: port, "/readyz")?.status == 200 }
    process.end()
  }

  /// A repository of one's own with version 1.
  public func repository() throws(LabError) -> String {
    let copy = try lab.subfolder("repositories") + "/repository"
    do { try FileManager.default.copyItem(atPath: source, toPath: copy) } catch {
      throw .trouble("the repository cannot be copied: \(error)")
    }
    return copy
  }

  /// Trains the next version with another seed and publishes it: one thread at the lowest priority, since another
  /// machine would do it but this one is all we have.
  public func trainNext(into repository: String, seed: Int) throws(LabError) {
    let command = [
      lab.needletail, "train", "--interactions", interactionsFile, "--items", itemsFile, "--out", repository, "--model", Catalogue.model, "--seed", "\(seed)",
      "--threads", "1", "--json",
    ]
    try lab.run("train", command, within: 300, niceness: 19)
  }

  /// Targets of lists like one item: a list a key, none of which is precomputed.
  public static func itemTargets(_ count: Int) -> [String] {
    (1...count).map { "/v1/placements/detail/recommendations?itemId=b\(padded($0))&numResults=9" }
  }

  /// Targets of users: some dozen segments' lists, unless the placement's scope is `user`.
  public static func userTargets(_ count: Int) -> [String] {
    (1...count).map { "/v1/placements/home/recommendations?userId=u\(padded($0))&numResults=9" }
  }

  public static let segmentTarget = "/v1/placements/home/recommendations?segment=0&numResults=9"
  public static let trendingTarget = "/v1/placements/trending/recommendations?numResults=9"

  private static func padded(_ number: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, 4 - text.count)) + text
  }
}
