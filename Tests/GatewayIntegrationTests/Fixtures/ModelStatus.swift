import TestSupport
import Testing

extension RunningGateway {
  /// What the admin API says of the model.
  struct ModelStatus: Decodable {
    struct Version: Decodable {
      let version: Int
      let state: String
      let reason: String?
      let detail: String
      var signer: String?
    }

    struct Refusal: Decodable {
      let version: Int
      let reason: String
    }

    let name: String
    let serving: Int?
    let previous: Int?
    let pinned: Int?
    var refused: Refusal?
    let versions: [Version]
  }

  func status() throws -> ModelStatus {
    struct List: Decodable { let models: [ModelStatus] }
    let list: List = try admin("GET", "/admin/v1/models").decoded()
    return try #require(list.models.first { $0.name == TrainedModel.name })
  }

  /// Whether every worker comes to answer with this version, seen over several connections.
  func serves(_ version: Int) -> Bool {
    let clients = (0..<8).map { _ in connect() }
    return eventually {
      clients.allSatisfy { (try? $0.get(target("home"))?.recommendations.model?.version) == version }
    }
  }
}
