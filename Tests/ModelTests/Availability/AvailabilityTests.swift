import Bytes
import TestSupport
import Testing

@testable import Model

@Suite struct AvailabilityTests {
  @Test func `at first everything is available`() {
    for count in [0, 1, 63, 64, 65, 1000] {
      let availability = Availability(itemCount: count)
      #expect(availability.isComplete && availability.unavailableCount == 0 && availability.stamp == 0)
      #expect((0..<UInt32(count)).allSatisfy { !availability.isUnavailable($0) })
      let items = availability.availableItems()
      #expect(items.count == count && items.ones == count)
    }
  }

  @Test func `what changes is told, and what does not change is not`() {
    let availability = Availability(itemCount: 130)
    #expect(availability.set(129, unavailable: true) && !availability.set(129, unavailable: true))
    #expect(availability.isUnavailable(129) && !availability.isUnavailable(128) && availability.unavailableCount == 1)
    #expect(availability.set(129, unavailable: false) && !availability.set(129, unavailable: false))
    #expect(availability.isComplete && !availability.isUnavailable(129))
  }

  @Test(arguments: 1...20) func `it says what a set would say`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let count = Int.random(in: 1...300, using: &random)
    let availability = Availability(itemCount: count)
    var oracle: Set<UInt32> = []
    for _ in 0..<500 {
      let item = UInt32.random(in: 0..<UInt32(count), using: &random)
      let isUnavailable = Bool.random(using: &random)
      let changes = isUnavailable ? oracle.insert(item).inserted : oracle.remove(item) != nil
      #expect(availability.set(item, unavailable: isUnavailable) == changes, "seed \(seed)")
    }
    #expect(availability.unavailableCount == oracle.count)
    let items = availability.availableItems()
    #expect(items.ones == count - oracle.count)
    for item in 0..<UInt32(count) {
      #expect(items.contains(item) == !oracle.contains(item), "seed \(seed), item \(item)")
      #expect(availability.isUnavailable(item) == oracle.contains(item), "seed \(seed), item \(item)")
    }
  }

  @Test func `no two stamps are the same, not even of two snapshots`() {
    let (first, second) = (Availability(itemCount: 10), Availability(itemCount: 10))
    var stamps: Set<UInt64> = []
    for _ in 0..<10 {
      first.publish()
      second.publish()
      stamps.formUnion([first.stamp, second.stamp])
    }
    #expect(stamps.count == 20 && !stamps.contains(0))
  }
}
