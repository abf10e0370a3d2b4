import TestSupport
import Testing

@testable import Trainer

struct InteractionMatrixTests {
  @Test func `rows are sorted, repeats add up, and entries that say nothing are left out`() {
    let matrix = InteractionMatrix(
      userCount: 3, itemCount: 5,
      entries: [
        (2, 4, 1), (0, 3, 0.5), (0, 1, 2), (0, 3, 0.25), (2, 0, 1), (2, 2, .nan), (2, 3, 0), (2, 1, -1),
        (0, 0, .infinity),
      ])
    #expect(matrix.rowOffsets == [0, 2, 2, 4])
    #expect(matrix.columns == [1, 3, 0, 4])
    #expect(matrix.weights == [2, 0.75, 1, 1])
    #expect(Array(matrix.row(2).columns) == [0, 4])
    #expect(matrix.row(1).columns.isEmpty)
    #expect(matrix.contains(user: 0, item: 3) && !matrix.contains(user: 0, item: 2))
    #expect(matrix.itemDegrees() == [1, 1, 0, 1, 1])
  }

  @Test func `the order of entries does not matter`() {
    let matrix = tastefulMatrix(users: 40, items: 30, groups: 3, seed: 7, weighted: true)
    var random = SeededRandom(seed: 8)
    let shuffled = matrix.entries.shuffled(using: &random)
    #expect(InteractionMatrix(userCount: 40, itemCount: 30, entries: shuffled) == matrix)
  }

  @Test func `transposing twice gives the matrix back, and once its columns`() {
    let matrix = tastefulMatrix(users: 40, items: 30, groups: 3, seed: 9, weighted: true)
    let transposed = matrix.transposed()
    #expect(transposed.transposed() == matrix)
    #expect(transposed.userCount == 30 && transposed.itemCount == 40)
    for item in 0..<30 {
      let users = (0..<40).filter { matrix.contains(user: $0, item: UInt32(item)) }.map(UInt32.init)
      #expect(Array(transposed.row(item).columns) == users)
    }
  }

  @Test func `a part taken out and merged in again is the whole`() {
    let whole = tastefulMatrix(users: 20, items: 30, groups: 2, seed: 11)
    let part = InteractionMatrix(
      userCount: 20, itemCount: 30, entries: whole.entries.enumerated().filter { $0.offset % 3 == 0 }.map(\.element))
    let rest = whole.removing(part)
    #expect(rest.entryCount == whole.entryCount - part.entryCount)
    #expect(rest.merging(part) == whole)
  }

  @Test func `no users, no items, no entries`() {
    let empty = InteractionMatrix(userCount: 0, itemCount: 0, entries: [])
    #expect(empty.rowOffsets == [0] && empty.entryCount == 0)
    #expect(empty.transposed() == empty)
    let hollow = InteractionMatrix(userCount: 2, itemCount: 3, entries: [])
    #expect(hollow.transposed().rowOffsets == [0, 0, 0, 0])
  }
}
