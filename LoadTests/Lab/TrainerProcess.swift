internal import FoundationEssentials

/// One running `needletail trainer`: it learns from files and from gateways' events, and serves its repository over HTTP.
public final class TrainerProcess {
  public let port: Int
  /// The repository as gateways name it.
  public var url: String { "http://127.0.0.1:\(port)" }
  /// Where the key of user hashes lies, which it does not serve.
  public let identityKeyFile: String
  public private(set) var process: LabProcess

  /// Starts one that trains when it is asked to, at a low priority: another machine would do it, but this one is all we
  /// have.
  ///
  /// - Parameter events: data folders of the gateways whose events it learns from.
  public init(_ lab: Lab, _ catalogue: Catalogue, events: [String]) throws(LabError) {
    port = try freePort()
    let repository = try lab.subfolder("trainer-repository")
    identityKeyFile = repository + "/identity.key"
    process = try lab.start(
      "trainer",
      [
        lab.needletail, "trainer", "--interactions", catalogue.interactionsFile, "--items", catalogue.itemsFile,
        "--repository", repository, "--model", Catalogue.model, "--listen", "127.0.0.1:\(port)", "--allow-local-writes",
        "--every", "30d", "--worse-than", "50%", "--threads", "1", "--nice", "19", "--keep-versions", "50",
      ] + events.flatMap { ["--events", $0 + "/events"] })
  }

  /// Waits for a version that is published; with none yet, for the first.
  public func wait(for version: Int, within seconds: Double) throws(LabError) {
    let came = try waitUntil(within: seconds) { () throws(LabError) in
      guard process.isAlive else { throw .trouble("the trainer \(process.fate):\n\(process.said())") }
      return versions.contains(version)
    }
    guard came else { throw .trouble("the trainer published no version \(version):\n\(process.said())") }
  }

  private var versions: [Int] {
    struct Versions: Decodable { let versions: [Int] }
    guard let answer = HTTPAnswer.ask(port: port, "/models/\(Catalogue.model)/versions.json"), answer.status == 200
    else { return [] }
    return (try? JSONDecoder().decode(Versions.self, from: Data(answer.body.utf8)))?.versions ?? []
  }

  /// Asks for a training now.
  public func train() throws(LabError) {
    let answer = HTTPAnswer.ask("POST", port: port, "/train", body: "{}")
    guard let answer, (200..<300).contains(answer.status) else {
      throw .trouble("POST /train was answered \(answer?.status ?? 0): \(answer?.body ?? "")\n\(process.said())")
    }
  }
}
