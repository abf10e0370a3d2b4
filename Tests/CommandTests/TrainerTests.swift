import FoundationEssentials
import Glibc
import Publishing
import TestSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "the command is not built"), .serialized) struct TrainerTests {
  @Test func `a trainer publishes, learns from events, is killed and goes on`() throws {
    let folder = RunningTrainer.shop()
    do {
      let trainer = RunningTrainer(in: folder, "--min-new-events", "50", "--worse-than", "100%")
      let first = try #require(trainer.run(1), "\(trainer.messages)")
      #expect(first.outcome == "published")
      #expect(first.cause == "there is no model yet")
      #expect(waitFor { trainer.get("/readyz")?.status == 200 })
      #expect(trainer.get("/models/shop/versions.json")?.text == "{\"versions\":[1]}\n")

      try trainer.happen(40, seed: 1)
      #expect(waitFor { trainer.report?.newEvents == 40 })
      #expect(trainer.report?.runs.count == 1)
      try trainer.happen(20, seed: 2)
      let second = try #require(trainer.run(2), "\(trainer.messages)")
      #expect(second.outcome == "published")
      #expect(second.cause == "60 new events")
      #expect(trainer.report?.newEvents == 0)
      #expect(waitFor { trainer.get("/models/shop/versions.json")?.text == "{\"versions\":[1,2]}\n" })
      trainer.signal(SIGKILL)
      #expect(trainer.exitCode() == 128 + SIGKILL)
    }
    let again = RunningTrainer(in: folder, "--min-new-events", "50", "--worse-than", "100%")
    #expect(waitFor { again.report?.champion == 2 })
    // It remembers: what has been learnt from is not new, and runs of before are told of.
    #expect(again.report?.newEvents == 0)
    #expect(again.report?.runs.count == 2)
    try again.happen(60, seed: 3)
    #expect(try #require(again.run(3), "\(again.messages)").version == 3)
    again.signal(SIGTERM)
    #expect(again.exitCode() == 0)
    #expect(try again.repository.versions(of: "shop") == [1, 2, 3])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("repository")).allSatisfy {
        !$0.hasPrefix(".training-")
      })
  }

  @Test func `what it publishes is signed, the alias too`() throws {
    let folder = RunningTrainer.shop()
    let (key, trusted) = (folder.file("shop.key"), folder.file("shop.pub"))
    #expect(Command.run("keygen", "--key", key, "--public-key", trusted, "--no-password").code == 0)
    let trainer = RunningTrainer(in: folder, "--sign", key, "--alias", "champion")
    #expect(try #require(trainer.run(1), "\(trainer.messages)").outcome == "published")
    for file in ["1/manifest.json", "aliases.json"] {
      let path = folder.file("repository/models/shop/" + file)
      let verified = Command.run("verify", path, "--public-key", trusted)
      #expect(verified.code == 0, "\(file): \(verified.errors)")
    }
    // A gateway that pulls over HTTP finds them there.
    #expect(trainer.get("/models/shop/1/manifest.json.minisig")?.status == 200)
    #expect(trainer.get("/models/shop/aliases.json.minisig")?.status == 200)
  }

  @Test func `a key with a password that nobody could be asked for is refused at the start`() throws {
    let folder = RunningTrainer.shop()
    let (key, password) = (folder.file("shop.key"), folder.file("password"))
    folder.write("swallow\n", to: "password")
    let made = Command.run("keygen", "--key", key, "--public-key", folder.file("shop.pub"), "--password-file", password)
    #expect(made.code == 0, "\(made.errors)")
    let trainer = RunningTrainer(in: folder, "--sign", key)
    #expect(trainer.exitCode() == 77)
    #expect(trainer.messages.contains("--password-file"), "\(trainer.messages)")
  }

  @Test func `a run is asked for with the token, and finds nothing new`() throws {
    let folder = RunningTrainer.shop()
    folder.write(" \(RunningTrainer.token) \r\nof the shop\n", to: "token")
    let trainer = RunningTrainer(in: folder)
    #expect(trainer.run(1)?.outcome == "published")
    #expect(trainer.post("/train", token: nil)?.status == 401)
    #expect(trainer.post("/train", token: "0123456789abcdee")?.status == 401)
    #expect(trainer.post("/train", token: RunningTrainer.token)?.status == 202)
    #expect(trainer.run(2)?.outcome == "unchanged")
    trainer.signal(SIGHUP)
    #expect(trainer.run(3)?.outcome == "unchanged")
    #expect(try trainer.repository.versions(of: "shop") == [1])
    let metrics = try #require(trainer.get("/metrics")?.text)
    #expect(metrics.contains("needletail_trainer_runs_total{outcome=\"unchanged\"} 2"))
    #expect(metrics.contains("needletail_trainer_published_version 1"))
    #expect(trainer.get("/livez")?.status == 200)
    #expect(trainer.get("/nothing")?.status == 404)
  }

  @Test func `a challenger on trial is not replaced by its equal`() throws {
    let trainer = RunningTrainer(in: RunningTrainer.shop(), "--alias", "challenger", "--worse-than", "100%")
    #expect(try #require(trainer.run(1), "\(trainer.messages)").outcome == "published")
    trainer.signal(SIGHUP)
    #expect(trainer.run(2)?.outcome == "unchanged")
    let visits = try Data(contentsOf: URL(filePath: trainer.folder.file("visits.csv")))
    try (visits + Data("u1,i7,1800000000\n".utf8)).write(to: URL(filePath: trainer.folder.file("visits.csv")))
    trainer.signal(SIGHUP)
    #expect(trainer.run(3)?.outcome == "published")
    let aliases = try trainer.repository.aliases(of: "shop")
    #expect(aliases.champion == 1 && aliases.challenger == 2)
    trainer.signal(SIGHUP)
    #expect(trainer.run(4)?.outcome == "unchanged")
    #expect(try trainer.repository.versions(of: "shop") == [1, 2])
  }

  @Test func `a broken file fails the run, and the model of before goes on`() throws {
    let trainer = RunningTrainer(in: RunningTrainer.shop())
    #expect(trainer.run(1)?.outcome == "published")
    let whole = try Data(contentsOf: URL(filePath: trainer.folder.file("visits.csv")))
    trainer.folder.write("not a table at all\n", to: "visits.csv")
    trainer.signal(SIGHUP)
    let failed = try #require(trainer.run(2))
    #expect(failed.outcome == "failed")
    #expect(failed.reason?.contains("visits.csv") == true, "\(failed.reason ?? "none")")
    #expect(trainer.report?.failures == 1)
    #expect(trainer.get("/readyz")?.status == 200)
    #expect(trainer.get("/models/shop/1/manifest.json")?.status == 200)
    try (whole + Data("u1,i7,1800000000\n".utf8)).write(to: URL(filePath: trainer.folder.file("visits.csv")))
    trainer.signal(SIGHUP)
    #expect(try #require(trainer.run(3)).outcome == "published")
  }

  @Test func `SIGTERM in the middle of a training ends within seconds and publishes nothing`() throws {
    let folder = RunningTrainer.shop(visits: 400_000)
    let trainer = RunningTrainer(in: folder)
    #expect(waitFor { trainer.report?.state == "training" })
    let before = time(nil)
    trainer.signal(SIGTERM)
    #expect(trainer.exitCode() == 0)
    #expect(time(nil) - before < 10)
    #expect(try trainer.repository.versions(of: "shop") == [])
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("repository"))
    #expect(left.allSatisfy { !$0.hasPrefix(".training-") }, "\(left)")
  }

  @Test func `a killed trainer takes its training with it`() throws {
    let folder = RunningTrainer.shop(visits: 400_000)
    let trainer = RunningTrainer(in: folder)
    #expect(waitFor { trainer.report?.state == "training" })
    let child = try #require(children(of: trainer.process).first)
    trainer.signal(SIGKILL)
    #expect(trainer.exitCode() == 128 + SIGKILL)
    #expect(waitFor(seconds: 10) { isGone(child) })
    // The next one sweeps what was left, and begins anew.
    let again = RunningTrainer(in: folder)
    #expect(waitFor { again.report?.state == "training" })
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("repository"))
    #expect(left.count { $0.hasPrefix(".training-") } <= 1, "\(left)")
  }

  @Test func `a training that takes too long is ended as failed`() throws {
    let trainer = RunningTrainer(in: RunningTrainer.shop(visits: 400_000), "--run-limit", "1s")
    let run = try #require(trainer.run(1), "\(trainer.messages)")
    #expect(run.outcome == "failed" && run.reason?.contains("signal 9") == true, "\(run)")
  }

  @Test func `a decision that a wrong clock dated far ahead does not stop the schedule, over restarts neither`() throws
  {
    let folder = RunningTrainer.shop()
    do {
      let trainer = RunningTrainer(in: folder)
      #expect(trainer.run(1)?.outcome == "published")
      trainer.signal(SIGTERM)
      #expect(trainer.exitCode() == 0)
    }
    let path = URL(filePath: folder.file("repository/.trainer/shop.json"))
    func decidedAt() throws -> Int {
      struct State: Decodable { let decidedAt: Int }
      return try JSONDecoder().decode(State.self, from: Data(contentsOf: path)).decidedAt
    }
    let text = try String(contentsOf: path, encoding: .utf8)
    try Data(text.replacing("\"decidedAt\":\(try decidedAt())", with: "\"decidedAt\":4000000000").utf8).write(to: path)
    #expect(try decidedAt() == 4_000_000_000)
    let again = RunningTrainer(in: folder, "--every", "5s")
    #expect(waitFor { (try? decidedAt()).map { $0 <= time(nil) } ?? false })
    #expect(try #require(again.run(2), "\(again.messages)").cause == "the schedule")
  }

  @Test func `what makes no sense is told at the start`() {
    func code(_ more: String...) -> Int32 {
      Command.run(["trainer", "--interactions", "x", "--repository", "y", "--model", "m"] + more).code
    }
    #expect(code("--listen", "nowhere") == 64)
    #expect(code("--every", "5") == 64)
    #expect(code("--worse-than", "500%") == 64)
    #expect(code("--min-new-events", "10") == 64)
    #expect(code("--token-file", "/nonexistent") == 78)
    #expect(code("--listen", "0.0.0.0:0", "--allow-local-writes") == 78)
  }

  /// By the parents of all processes (proc(5)): the fourth field of stat.
  private func children(of parent: pid_t) -> [pid_t] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }.filter {
      state($0).map { $0.parent == parent } ?? false
    }
  }

  private func isGone(_ process: pid_t) -> Bool { state(process).map { $0.letter == "Z" } ?? true }

  private func state(_ process: pid_t) -> (letter: String, parent: pid_t)? {
    guard let data = try? Data(contentsOf: URL(filePath: "/proc/\(process)/stat")) else { return nil }
    let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 1, let parent = pid_t(fields[1]) else { return nil }
    return (String(fields[0]), parent)
  }
}
