import TestSupport
import Testing

@testable import Trainer

struct TunerTests {
  @Test func `the search finds settings as good as any of the grid, and the same ones twice`() throws {
    let whole = tastefulMatrix(users: 150, items: 120, groups: 3, seed: 12)
    let valid = InteractionMatrix(
      userCount: 150, itemCount: 120, entries: whole.entries.enumerated().filter { $0.offset % 4 == 1 }.map(\.element))
    var start = ALSSettings()
    (start.dimensions, start.seed, start.nu) = (6, 9, 1)
    let tuner = Tuner(train: whole.removing(valid), valid: valid, start: start)
    var (steps, bests): ([Int], [Double]) = ([], [])
    let found = try tuner.search { done, total, best in
      #expect(done <= total)
      steps.append(done)
      bests.append(best.ndcg)
    }
    #expect(steps == Array(1...steps.count) && bests == bests.sorted() && bests.last == found.ndcg)
    #expect(found.settings.dimensions == 6 && found.settings.seed == 9, "what is not searched stays")
    #expect(Tuner.lastEpochs.contains(found.settings.epochs) || [4, 8].contains(found.settings.epochs))
    for (alpha0, lambda) in [(Float(1), Float(0.1)), (0.01, 0.003), (0.003, 0.0003)] {
      #expect(try tuner.measure(alpha0, lambda, epochs: [4]).ndcg <= found.ndcg)
    }
    #expect(try tuner.search() == found)
  }
}
