import Configuration
import FoundationEssentials
import Publishing
import Testing

@testable import Gateway

/// A retrained snapshot as it should be; each test spoils one thing.
private func figures(_ change: (inout GateFigures, inout GateFigures.Live) -> Void = { _, _ in }) -> GateFigures {
  var figures = GateFigures(
    dimension: 64, items: 1_050, probes: 96, probeRecall: 0.97,
    coverage: .init(lists: 400, differing: 400, places: 4_000, items: 1_050), listsMade: 800, medianMicroseconds: 300)
  let lists = GateFigures.Lists(compared: 200, sum: 120)
  var live = GateFigures.Live(
    version: 7, dimension: 64, items: 1_000, itemsKept: .init(found: 990, asked: 1_000),
    usersKept: .init(found: 980, asked: 1_000), users: lists, windows: lists, segments: lists, similar: lists,
    userScores: .init(value: 0.05, samples: 4_000), windowScores: .init(value: 0.05, samples: 4_000),
    itemNorms: .init(value: 0.04, samples: 1_000), userNorms: .init(value: 0.04, samples: 2_000),
    coverage: .init(lists: 400, differing: 390, places: 4_000, items: 1_000), medianMicroseconds: 290)
  change(&figures, &live)
  figures.live = live
  return figures
}

private let settings = try! Settings(Configuration()).gates

private func report(_ figures: GateFigures, isPinned: Bool = false) -> GateReport {
  GateReport(judging: figures, by: settings, isPinned: isPinned)
}

@Suite struct GateReportTests {
  @Test func `a snapshot as it should be passes every gate`() {
    let report = report(figures())
    #expect(report.failure == nil && report.failed.isEmpty)
    #expect(report.results.allSatisfy { $0.value != nil && $0.threshold != nil && !$0.sentence.isEmpty })
    #expect(Set(report.results.map(\.gate)).isSuperset(of: Gate.allCases.filter(\.comparesWithLive)))
  }

  static let faults: [(Gate, RejectReason, String, @Sendable (inout GateFigures, inout GateFigures.Live) -> Void)] = [
    (.finiteValues, .nonFiniteValues, "\"i7\"", { figures, _ in figures.itemNotFinite = "i7" }),
    (.probeRecall, .probeFailed, "0.4", { figures, _ in figures.probeRecall = 0.4 }),
    (.dimension, .dimensionChanged, "128", { figures, _ in figures.dimension = 128 }),
    (.itemCount, .itemCountDrop, "0.7", { figures, _ in figures.items = 700 }),
    (.itemsKept, .itemCountDrop, "0.012", { _, live in live.itemsKept.found = 12 }),
    (.usersKept, .gateFailed, "known users", { _, live in live.usersKept.found = 0 }),
    (.overlapUsers, .gateFailed, "0.01", { _, live in live.users.sum = 2 }),
    (.overlapWindows, .gateFailed, "windows", { _, live in live.windows.sum = 0 }),
    (.overlapSegments, .gateFailed, "segments", { _, live in live.segments.sum = 0 }),
    (.overlapItems, .gateFailed, "similar", { _, live in live.similar.sum = 0 }),
    (.scoreDistanceUsers, .gateFailed, "0.97", { _, live in live.userScores.value = 0.97 }),
    (.scoreDistanceWindows, .gateFailed, "windows", { _, live in live.windowScores.value = 1 }),
    (.normDistanceItems, .gateFailed, "item vectors", { _, live in live.itemNorms.value = 1 }),
    (.normDistanceUsers, .gateFailed, "user vectors", { _, live in live.userNorms.value = 1 }),
    (
      .coverage, .gateFailed, "20 different",
      { figures, live in (figures.coverage.differing, live.coverage.differing) = (20, 20) }
    ),
    (.coverageRatio, .gateFailed, "100 different", { figures, _ in figures.coverage.differing = 100 }),
    (
      .latency, .gateFailed, "ms",
      { figures, live in (figures.medianMicroseconds, live.medianMicroseconds) = (90_000, 80_000) }
    ),
    (.latencyRatio, .gateFailed, "times", { figures, _ in figures.medianMicroseconds = 3_000 }),
  ]

  @Test(arguments: faults.indices) func `what is wrong fails its own gate, with value and threshold in a sentence`(
    index: Int
  ) throws {
    let (gate, reason, part, change) = Self.faults[index]
    let report = report(figures(change))
    #expect(report.failed.map(\.gate) == [gate])
    let failure = try #require(report.failure)
    #expect(failure.reason == reason && failure.detail.contains(part), "\(failure)")
    if gate != .finiteValues { #expect(failure.detail.contains("gates."), "\(failure)") }
  }

  @Test func `the gates that compare are told of a pinned version, and do not stop it`() {
    for (gate, _, _, change) in Self.faults {
      let report = report(figures(change), isPinned: true)
      #expect(report.failed.map(\.gate) == [gate])
      #expect((report.failure == nil) == gate.comparesWithLive, "\(gate)")
    }
  }

  @Test func `nothing serves yet: only what can be judged alone is`() {
    var alone = figures()
    alone.live = nil
    let report = report(alone)
    #expect(report.results.map(\.gate) == [.finiteValues, .probeRecall, .coverage, .latency])
    #expect(report.failure == nil)
  }

  @Test func `what was too few to judge passes and says so`() {
    let few = report(
      figures { figures, live in
        figures.listsMade = 3
        figures.coverage.lists = 3
        live.users = .init(compared: 3, sum: 0)
        live.userScores = .init(value: 1, samples: 60)
      })
    #expect(few.failure == nil)
    for gate in [Gate.overlapUsers, .scoreDistanceUsers, .coverage, .coverageRatio, .latency, .latencyRatio] {
      let result = few.results.first { $0.gate == gate }
      #expect(result?.value == nil && result?.sentence.contains("too few") == true, "\(gate)")
    }
  }

  @Test func `what ended a load stands under its gate`() {
    var report = GateReport()
    report.note(PublishError(.digestMismatch, "section vec.f32 is not the content that was published"))
    #expect(report.failed.map(\.gate) == [.digests])
    #expect(report.failure?.reason == .digestMismatch)
    report.note(PublishError(.tensorInvalid, "later"))
    #expect(report.results.count == 1)
  }

  @Test func `every gate has a meaning, a code of its own family and a name that metrics may have`() {
    for gate in Gate.allCases {
      #expect(gate.meaning.hasSuffix("."), "\(gate)")
      #expect(gate.rawValue.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) }, "\(gate)")
    }
    #expect(!RejectReason.gateFailed.isTransient && RejectReason.notEnoughMemory.isTransient)
  }

  @Test func `reports survive JSON`() throws {
    let report = report(figures { _, live in live.users.sum = 0 })
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(GateReport.self, from: data) == report)
  }
}
