import Bytes
import Configuration
import FoundationEssentials
import Publishing
import TestSupport
import Testing

@testable import Gateway

@Suite struct CanaryTests {
  private let champion = identity(1)
  private let challenger = identity(2)

  private func settings(_ flags: [String: String] = [:]) -> CanarySettings {
    var all = ["canary.steps": "1,10,50,100", "canary.stepDurationMin": "60s", "canary.minImpressions": "1000"]
    all.merge(flags) { $1 }
    return try! Settings(Configuration(flags: all.mapValues { $0.split(separator: ",").map(String.init) })).canary
  }

  /// Both sides equal and enough of everything.
  private func side(
    answers: UInt64 = 5_000, fallbacks: UInt64 = 50, errors: UInt64 = 0, slow: UInt64 = 10,
    impressions: UInt64 = 50_000,
    clicks: UInt64 = 2_500
  ) -> SideFigures {
    var side = SideFigures()
    (side.answers, side.fallbacks, side.errors) = (answers, fallbacks, errors)
    side.durations[2] = answers - slow
    // Up to 100 ms.
    side.durations[19] = slow
    for group in 0..<UInt32(100) {
      let user = UserHash(high: 0, low: group)
      side.responses.add(impressions: impressions / 100, of: user)
      side.responses.add(clicks: clicks / 100, of: user)
    }
    return side
  }

  private func begun() -> Canary { Canary(champion: champion, challenger: challenger, now: 1_000) }

  @Test func `an equal challenger goes up step by step and is promoted`() {
    let settings = settings()
    var canary = begun()
    var now: UInt32 = 1_000
    var shares: [Double] = []
    for _ in 0..<2 {
      shares.append(canary.share(settings))
      #expect(canary.look(side(), side(), settings, now: now + 59) == nil)
      #expect(canary.awaits(side(), settings, now: now + 59) == "the step lasts another 1 s")
      now += 60
      #expect(canary.look(side(), side(), settings, now: now) == .advance)
      #expect(canary.look(side(), side(), settings, now: now) == nil)
    }
    shares.append(canary.share(settings))
    #expect(canary.look(side(), side(), settings, now: now + 60) == .promote)
    #expect(shares == [0.01, 0.1, 0.5])
  }

  @Test func `a step waits for its impressions`() {
    let settings = settings()
    var canary = begun()
    let few = side(impressions: 900, clicks: 100)
    #expect(canary.look(side(), few, settings, now: 9_000) == nil)
    #expect(canary.awaits(few, settings, now: 9_000) == "100 more impressions of the challenger")
    #expect(canary.look(side(), side(impressions: 1_000, clicks: 100), settings, now: 9_001) == .advance)
  }

  @Test func `a node that does not promote stays at its last share below all`() {
    let settings = settings(["canary.promotes": "false", "canary.steps": "10,50,100"])
    var canary = begun()
    #expect(canary.look(side(), side(), settings, now: 2_000) == .advance)
    #expect(canary.look(side(), side(), settings, now: 3_000) == nil && canary.share(settings) == 0.5)
    let held = self.settings(["canary.steps": "10"])
    var other = begun()
    #expect(other.look(side(), side(), held, now: 2_000) == nil && other.share(held) == 0.1)
  }

  @Test func `steps that a reload took away leave the last there is`() {
    let all = settings()
    var canary = begun()
    #expect(canary.look(side(), side(), all, now: 2_000) == .advance)
    #expect(canary.look(side(), side(), all, now: 3_000) == .advance)
    let fewer = settings(["canary.steps": "5,100"])
    #expect(canary.share(fewer) == 0.05)
    #expect(canary.look(side(), side(), fewer, now: 4_000) == .promote)
  }

  static let breaches: [(Guardrail, String)] = [
    (.clicks, "click-through"), (.latency, "p99"), (.fallbacks, "fallbacks"), (.errors, "5xx"),
  ]

  @Test(arguments: breaches) func `each guardrail stops what is clearly worse, with the figures`(
    guardrail: Guardrail, word: String
  ) throws {
    let worse =
      switch guardrail {
      case .clicks: side(clicks: 1_900)
      case .latency: side(slow: 300)
      case .fallbacks: side(fallbacks: 400)
      case .errors: side(errors: 200)
      }
    var canary = begun()
    let action = canary.look(side(), worse, settings(), now: 1_010)
    guard case .reject(let breach) = action else {
      Issue.record("\(String(describing: action)): \(canary.readings(side(), worse, settings()))")
      return
    }
    #expect(breach.guardrail == guardrail)
    #expect(breach.sentence.contains(word) && breach.sentence.contains("1.00 %"), "\(breach.sentence)")
  }

  @Test func `what is better or a little worse than allowed trips nothing`() {
    for other in [side(clicks: 3_000), side(clicks: 2_480), side(slow: 0), side(fallbacks: 60), side(errors: 5)] {
      var canary = begun()
      #expect(canary.look(side(), other, settings(), now: 1_010) == nil)
    }
  }

  @Test func `a challenger that nobody clicks is found although it has no clicks to count`() {
    var canary = begun()
    let action = canary.look(side(), side(impressions: 2_000, clicks: 0), settings(), now: 1_010)
    guard case .reject(let breach) = action else {
      Issue.record("\(String(describing: action))")
      return
    }
    #expect(breach.guardrail == .clicks)
  }

  @Test func `a few requests stop nobody`() {
    var canary = begun()
    let broken = side(answers: 200, fallbacks: 200, errors: 300, slow: 200, impressions: 300, clicks: 0)
    #expect(canary.look(side(), broken, settings(), now: 1_010) == nil)
    var early = begun()
    #expect(early.look(SideFigures(), SideFigures(), settings(), now: 1_010) == nil)
  }

  /// A rate that falls at night for both must not look like a difference (Simpson's paradox): the champion has most of
  /// its impressions in the first step, the challenger most in the last.
  @Test func `rates that change from step to step for both sides stop nobody`() {
    let settings = settings()
    var canary = begun()
    let day = (side(impressions: 400_000, clicks: 40_000), side(impressions: 4_000, clicks: 400))
    let night = (side(impressions: 40_000, clicks: 800), side(impressions: 40_000, clicks: 800))
    #expect(canary.look(day.0, day.1, settings, now: 1_060) == .advance)
    #expect(canary.look(night.0, night.1, settings, now: 1_200) == .advance)
    let clicks = canary.evidence[.clicks]!
    // All of it put together would be 2.7 % against 9.3 %.
    #expect(abs(clicks.estimate! - settings.ctrLossMax) < 0.001, "\(clicks.estimate!)")
  }

  // MARK: Simulated users.

  /// Users come back all day, and some click ten times as often as others.
  private struct Crowd {
    var random: SeededRandom
    /// Clicks an impression of each group of users, either side.
    var rates: [[Double]] = []
    var sides = [SideFigures(), SideFigures()]

    init(seed: UInt64, loss: Double, usersAGroup: Int) {
      random = SeededRandom(seed: seed)
      for side in 0..<2 {
        var groups: [Double] = []
        for _ in 0..<ResponseCounts.groupCount {
          var sum = 0.0
          // Log-normal, σ 1: the mean is e^½ of the median.
          for _ in 0..<usersAGroup { sum += 0.03 * exponential(Double(random.gaussian())) }
          groups.append(sum / Double(usersAGroup) * (side == 1 ? 1 - loss : 1))
        }
        rates.append(groups)
      }
    }

    /// So many more impressions of each group, and what clicks come of them.
    mutating func live(impressionsAGroup: Int) {
      for side in 0..<2 {
        for group in 0..<ResponseCounts.groupCount {
          let user = UserHash(high: 0, low: UInt32(group))
          let mean = rates[side][group] * Double(impressionsAGroup)
          // A normal number for a binomial: some 10 clicks a group and look.
          let clicks = max(0, (mean + mean.squareRoot() * Double(random.gaussian())).rounded())
          sides[side].responses.add(impressions: UInt64(impressionsAGroup), of: user)
          sides[side].responses.add(clicks: UInt64(clicks), of: user)
        }
      }
    }

    /// Looks until it is rejected; nil when it is not.
    mutating func looksUntilRejected(_ looks: Int, _ settings: CanarySettings) -> Int? {
      var canary = Canary(champion: identity(1), challenger: identity(2), now: 0)
      for look in 1...looks {
        live(impressionsAGroup: 200)
        if case .reject = canary.look(sides[0], sides[1], settings, now: 1) { return look }
      }
      return nil
    }
  }

  @Test func `users who differ in how much they click do not stop an equal challenger more often than promised`() {
    let settings = settings(["canary.falseAlarm": "0.2", "canary.ctrLossMax": "0"])
    let runs = 80
    var (alarms, naive) = (0, 0)
    for run in 0..<runs {
      var crowd = Crowd(seed: UInt64(1_000 + run), loss: 0, usersAGroup: 2)
      if crowd.looksUntilRejected(25, settings) != nil { alarms += 1 }
      // The same figures, taken for independent draws.
      let (old, new) = (crowd.sides[0], crowd.sides[1])
      var seen = Evidence.none
      let rate = old.clickThrough!
      let variance = rate * (1 - rate) / Double(old.responses.impressionCount) / (rate * rate)
      seen.add(difference: (new.clickThrough! - rate) / rate, variance: 2 * variance)
      if Guardrail.clicks.test.logEvidence(seen) >= -logarithm(0.1) { naive += 1 }
    }
    // A tenth, half of 0.2, and three standard deviations.
    #expect(alarms <= 16, "\(alarms) of \(runs)")
    #expect(naive >= 2 * alarms && naive >= 20, "\(naive) of \(runs), taken for independent")
  }

  @Test func `a challenger that loses 15 percent of the clicks is stopped`() {
    let settings = settings(["canary.ctrLossMax": "0.02"])
    var looks: [Int] = []
    for run in 0..<20 {
      // Many users a group, as a site has them: what they differ in averages out.
      var crowd = Crowd(seed: UInt64(2_000 + run), loss: 0.15, usersAGroup: 40)
      looks.append(crowd.looksUntilRejected(25, settings) ?? 99)
    }
    #expect(looks.count { $0 <= 25 } >= 19, "\(looks)")
  }

  // MARK: The record.

  @Test func `a restart goes on where the canary was, and knows who failed`() throws {
    let folder = TemporaryFolder()
    var canary = begun()
    #expect(canary.look(side(), side(), settings(), now: 2_000) == .advance)
    var record = CanaryRecord()
    record.note(canary)
    record.reject(identity(3), "no good", now: 5)
    record.promotion = CanaryRecord.Promotion(challenger: CanaryRecord.Version(challenger), over: 1, isUndone: true)
    try record.write(folder.path, "home")
    let read = CanaryRecord.readAll(folder.path) { complaint in Issue.record("\(complaint)") }
    #expect(read == ["home": record])
    let resumed = try #require(read["home"]).canary(champion: champion, challenger: challenger, now: 2_100)
    #expect(resumed == canary && resumed.step == 1)
    // Another champion, another challenger, or another build of the same number: from the beginning.
    let rebuilt = ModelIdentity(name: "home", version: 2, digest: champion.digest)
    for (one, two) in [(identity(4), challenger), (champion, identity(4)), (champion, rebuilt)] {
      #expect(record.canary(champion: one, challenger: two, now: 2_100).step == 0)
    }
  }

  @Test func `a record that is damaged is told and passed over`() throws {
    let folder = TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("canary"), withIntermediateDirectories: false)
    let files = [("a.json", "{"), ("b.json", "{\"schemaVersion\":2,\"rejections\":[]}"), ("C.json", "{}"), ("d", "")]
    for (name, text) in files {
      folder.write(text, to: "canary/\(name)")
    }
    var complaints: [String] = []
    #expect(CanaryRecord.readAll(folder.path) { complaints.append($0) } == [:])
    #expect(complaints.count == 2, "\(complaints)")
    #expect(CanaryRecord.readAll(folder.path + "/nowhere") { _ in Issue.record("no folder is no fault") } == [:])
  }

  @Test func `of many rejections the newest are remembered, each once`() {
    var record = CanaryRecord()
    for version in 1...9 { record.reject(identity(version), "\(version)", now: 1) }
    record.reject(identity(1), "again", now: 2)
    #expect(record.rejections.count == 9 && record.rejections.last?.detail == "again")
    for number in 0..<CanaryRecord.rejectionsMax {
      let digest = SHA256Digest(hex: String(repeating: "b", count: 64))!
      record.reject(ModelIdentity(name: "home", version: 100 + number, digest: digest), "", now: 3)
    }
    #expect(record.rejections.count == CanaryRecord.rejectionsMax && record.rejections.first?.challenger.version == 100)
  }
}

private func identity(_ version: Int) -> ModelIdentity {
  ModelIdentity(
    name: "home", version: version, digest: SHA256Digest(hex: String(repeating: "\(version)", count: 64))!)
}
