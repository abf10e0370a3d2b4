import Configuration
import FoundationEssentials
import Gateway
import Publishing
import TestSupport
import Testing
import Trainer

extension Integration {
  /// A snapshot that is whole, signed and wrong: it reads well and recommends nonsense. It must never serve.
  @Suite struct GateTests {
    let repository = TestRepository()

    private struct Version: Decodable {
      struct Gate: Decodable {
        let gate: String
        let passed: Bool
        let isEnforced: Bool
        let value: Double?
        let threshold: Double?
        let sentence: String
      }
      let version: Int
      let state: String
      let reason: String?
      let detail: String
      let gates: [Gate]?
    }

    private func version(_ number: Int, of gateway: RunningGateway) throws -> Version {
      try gateway.admin("GET", "/admin/v1/models/books/versions/\(number)?wait=READY&timeout=30s").decoded()
    }

    /// So that every user is compared, whatever the machine has to do.
    private let flags = ["gates.samples": ["40"], "gates.budget": ["60s"]]

    @Test func `shuffled item factors are rejected under load, and a retrained model after them serves`() throws {
      let gateway = try RunningGateway(repository, flags: flags)
      let load = try Load(gateway, clients: 1)
      repository.publish(Retraining.shared.packed("shuffled") { $0.shuffleItems() })
      let poisoned = try version(2, of: gateway)
      #expect(poisoned.state == "REJECTED" && poisoned.reason == "gate_failed", "\(poisoned)")
      #expect(poisoned.detail.contains("gates.overlapUsersMin"), "\(poisoned.detail)")
      let gates = try #require(poisoned.gates)
      let overlap = try #require(gates.first { $0.gate == "overlap_users" })
      #expect(!overlap.passed && overlap.isEnforced && overlap.value! < overlap.threshold!)
      #expect(gates.first { $0.gate == "digests" }?.passed == true)
      #expect(load.awaitAnswers(50))

      // Nothing of it stays on the disk: a node that restarts must not find it.
      let local = SnapshotStore(dataDirectory: gateway.settings.dataDirectory).localSnapshots(of: TrainedModel.name)
      #expect(local.map(\.identity.version) == [1])
      let metrics = gateway.metrics()
      #expect(metrics.sum("model_gate_passed", ["version": "2", "gate": "overlap_users"]) == 0)
      #expect(metrics.sum("model_gate_passed", ["version": "2", "gate": "digests"]) == 1)
      #expect(metrics.samples(of: "model_gate_overlap_users").map(\.value) == [overlap.value!])
      #expect(metrics.sum("model_loads_total", ["result": "rejected", "reason": "gate_failed"]) == 1)

      repository.publish(Retraining.shared.snapshotPath)
      let retrained = try version(3, of: gateway)
      #expect(gateway.serves(3), "\(retrained)")
      #expect(retrained.gates?.allSatisfy(\.passed) == true)
      let report = load.stop()
      #expect(report.isClean && report.versions == [1, 3], "\(report)")
    }

    @Test func `a pin lets a version through that differs, and its report says that it does`() throws {
      let gateway = try RunningGateway(repository, flags: flags)
      repository.publish(Retraining.shared.packed("pinned") { $0.shuffleItems(seed: 4) })
      #expect(try version(2, of: gateway).state == "REJECTED")
      #expect(gateway.admin("POST", "/admin/v1/models/books:pin", #"{"version":2}"#).status == 200)
      #expect(gateway.serves(2))
      let pinned = try version(2, of: gateway)
      let failed = try #require(pinned.gates?.filter { !$0.passed })
      #expect(!failed.isEmpty && failed.allSatisfy { !$0.isEnforced })
      // The way back is open though what serves has nothing in common with it.
      #expect(gateway.admin("POST", "/admin/v1/models/books:rollback").status == 200)
      #expect(gateway.serves(1))
    }

    @Test func `a snapshot for which there is no memory is not pulled, and tried again when there is`() throws {
      let gateway = try RunningGateway(repository, flags: ["gates.memoryReserve": ["16384GiB"]], awaitsReady: false)
      let isRefused = try eventually {
        let found = try version(1, of: gateway)
        return found.state == "REJECTED" && found.reason == "not_enough_memory"
      }
      #expect(isRefused)
      let found = try version(1, of: gateway)
      #expect(found.detail.contains("GB") && found.detail.contains("gates.memoryReserve"), "\(found.detail)")
      let store = SnapshotStore(dataDirectory: gateway.settings.dataDirectory)
      #expect(store.localSnapshots(of: TrainedModel.name).isEmpty)
    }

    @Test func `another dimension and a loss of items are refused by the manifest alone`() throws {
      let gateway = try RunningGateway(repository)
      repository.publish(TrainedModel.shared.snapshotPath, dimension: 16)
      repository.publish(TrainedModel.shared.snapshotPath, items: 100)
      let (wider, smaller) = (try version(2, of: gateway), try version(3, of: gateway))
      #expect(wider.reason == "dimension_changed" && wider.detail.contains("16 dimensions"), "\(wider)")
      #expect(smaller.reason == "item_count_drop" && smaller.detail.contains("gates.itemDropMax is 0.2"), "\(smaller)")
      #expect(smaller.gates?.contains { $0.gate == "overlap_users" } == false)
      #expect(gateway.serves(1))
    }

    // MARK: The same gates over files.

    private func failure(_ path: String, _ change: (inout GateSettings) -> Void = { _ in }) throws -> [Gate] {
      var settings = try Settings(Configuration()).gates
      (settings.latencyMillisecondsMax, settings.latencyRatioMax, settings.budgetMilliseconds) = (10_000, 1_000, 60_000)
      settings.samples = 40
      change(&settings)
      let report = try GateReport(proving: path, against: TrainedModel.shared.snapshotPath, by: settings)
      #expect((report.failure == nil) == report.failed.isEmpty)
      return report.failed.map(\.gate)
    }

    @Test func `retraining, and packing the factors of another program, pass`() throws {
      #expect(try failure(TrainedModel.shared.snapshotPath) == [])
      #expect(try failure(Retraining.shared.snapshotPath) == [])
      #expect(try failure(Retraining.shared.packed("clean")) == [])
      #expect(
        try failure(
          Retraining.shared.packed("turned") { factors in
            for place in factors.items.indices { factors.items[place].negate() }
            for place in factors.users.indices { factors.users[place].negate() }
          }) == [], "users and items turned together give the same lists")
    }

    static let poisons: [(String, Gate, @Sendable (inout Factors) -> Void)] = [
      ("zero", .scoreDistanceUsers, { $0.items = $0.items.map { _ in 0 } }),
      ("scaled", .scoreDistanceUsers, { $0.items = $0.items.map { $0 * 10 } }),
      ("negated", .overlapUsers, { $0.items = $0.items.map { -$0 } }),
      (
        "same-users", .normDistanceUsers,
        { factors in
          let first = factors.user(0)
          factors.users = (0..<factors.userCount).flatMap { _ in first }
        }
      ),
      ("other-run", .overlapUsers, { $0.users = Retraining.other.users }),
    ]

    @Test(arguments: poisons.indices) func `what broken pipelines make is stopped`(index: Int) throws {
      let (name, gate, change) = Self.poisons[index]
      let failed = try failure(Retraining.shared.packed("poison-\(name)", change))
      #expect(failed.contains(gate), "\(name): \(failed)")
    }

    @Test func `a report alone stops nothing`() throws {
      let path = Retraining.shared.packed("reported") { $0.shuffleItems(seed: 5) }
      var settings = try Settings(Configuration()).gates
      settings.comparesStrictly = false
      (settings.latencyMillisecondsMax, settings.budgetMilliseconds) = (10_000, 60_000)
      let report = try GateReport(proving: path, against: TrainedModel.shared.snapshotPath, by: settings)
      #expect(report.failure == nil && !report.failed.isEmpty)
    }

    @Test func `a first version is judged by what it is alone`() throws {
      let settings = try Settings(Configuration()).gates
      let report = try GateReport(proving: TrainedModel.shared.snapshotPath, against: nil, by: settings)
      #expect(!report.results.contains { $0.gate == .overlapUsers })
      #expect(report.results.first { $0.gate == .coverage }?.passed == true)
    }
  }
}

extension Retraining {
  /// Of the same users as `shared`, from another start: its factors are turned against those.
  static let other = Retraining(share: 0.9, seed: 9).factors
}
