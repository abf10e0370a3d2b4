import Configuration
import FoundationEssentials
import Publishing
import TestSupport
import Testing

extension Integration {
  /// A gateway that trusts a key serves what that key signed, and is not set back by what it signed long ago.
  @Suite struct TrustTests {
    let repository = TestRepository(isEmpty: true)
    let key = SigningKey.random()
    var folder: FolderRepository { FolderRepository(path: repository.path) }

    private func gateway(
      trusting keys: [SigningKey]? = nil, dataDirectory: String? = nil, awaitsReady: Bool = true
    ) throws -> RunningGateway {
      try RunningGateway(
        repository, dataDirectory: dataDirectory,
        flags: ["trust.keys": (keys ?? [key]).map(\.publicKey.text)], awaitsReady: awaitsReady)
    }

    private func state(of version: Int, in gateway: RunningGateway) throws -> RunningGateway.ModelStatus.Version? {
      try gateway.status().versions.first { $0.version == version }
    }

    @Test func `a signed version serves and its signer is told; unsigned and foreign ones are refused with a reason`()
      throws
    {
      repository.publish(signedBy: key)
      let gateway = try gateway()
      #expect(gateway.serves(1))
      #expect(try state(of: 1, in: gateway)?.signer == "\(key.id)")
      let report = gateway.admin("GET", "/admin/v1/models/\(TrainedModel.name)/versions/1").text
      #expect(report.contains("a key of trust.keys signed"), "\(report)")
      repository.publish(signedBy: SigningKey.random())
      let foreign = try eventually { try state(of: 2, in: gateway)?.reason == "signature_invalid" }
      repository.publish()
      // It is looked at again and again, should somebody sign it yet.
      let unsigned = try eventually { try state(of: 3, in: gateway)?.reason == "signature_missing" }
      #expect(foreign && unsigned && gateway.serves(1))
      let manifest = folder.path + "/models/\(TrainedModel.name)/3/manifest.json"
      try Data(key.sign(file: manifest, timestamp: 1)).write(to: URL(filePath: manifest + ".minisig"))
      #expect(gateway.serves(3))
    }

    @Test func `an alias that is pushed back is refused, unless an operator wants it`() throws {
      for _ in 1...2 { repository.publish(signedBy: key) }
      try folder.setAlias("champion", of: TrainedModel.name, to: 1, sign: key.signAliases(of: TrainedModel.name))
      let gateway = try gateway()
      #expect(gateway.serves(1))
      let old = try Data(contentsOf: URL(filePath: aliases)), signature = try Data(contentsOf: URL(filePath: aliases + ".minisig"))
      try folder.setAlias("champion", of: TrainedModel.name, to: 2, sign: key.signAliases(of: TrainedModel.name))
      #expect(gateway.serves(2))

      // What was there before, with its signature, which holds.
      try old.write(to: URL(filePath: aliases))
      try signature.write(to: URL(filePath: aliases + ".minisig"))
      // And an older version by a new signature.
      #expect(stays(2, gateway))
      try folder.setAlias("champion", of: TrainedModel.name, to: 1, sign: key.signAliases(of: TrainedModel.name))
      let refused = try eventually { try gateway.status().refused?.reason == "rollback_refused" }
      #expect(refused && stays(2, gateway))
      #expect(try gateway.status().refused?.version == 1)

      #expect(gateway.admin("POST", "/admin/v1/models/\(TrainedModel.name):rollback").status == 200)
      #expect(gateway.serves(1))
      #expect(try gateway.status().refused == nil)
    }

    @Test func `aliases are not moved by a gateway, which has no key`() throws {
      repository.publish(signedBy: key)
      let gateway = try gateway()
      #expect(gateway.serves(1))
      let answer = gateway.admin("PUT", "/admin/v1/models/\(TrainedModel.name)/aliases/champion", #"{"version":1}"#)
      #expect(answer.status == 409 && answer.text.contains("signed"))
      #expect(!FileManager.default.fileExists(atPath: aliases))
    }

    @Test func `a node restarts without its repository on what is signed, and on nothing else`() throws {
      repository.publish(signedBy: key)
      let data = repository.folder.file("data")
      do {
        let gateway = try gateway(dataDirectory: data)
        #expect(gateway.serves(1))
        gateway.stop()
      }
      try FileManager.default.moveItem(atPath: repository.path, toPath: repository.path + "-away")
      do {
        let again = try gateway(dataDirectory: data)
        #expect(again.serves(1))
        #expect(try state(of: 1, in: again)?.signer == "\(key.id)")
        again.stop()
      }
      let other = try gateway(trusting: [SigningKey.random()], dataDirectory: data, awaitsReady: false)
      let client = other.connect()
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .milliseconds(400) {
        #expect(client.ask("GET", "/readyz", [], nil)?.status == 503)
      }
    }

    private var aliases: String { folder.path + "/models/\(TrainedModel.name)/aliases.json" }

    /// Whether a version goes on serving over some looks at the repository.
    private func stays(_ version: Int, _ gateway: RunningGateway) -> Bool {
      let client = gateway.connect()
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .milliseconds(400) {
        guard (try? client.get(target("home"))?.recommendations.model?.version) == version else { return false }
      }
      return true
    }
  }
}
