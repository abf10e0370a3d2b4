import Testing

@testable import LoadReport

struct AxisTests {
  @Test func `a linear axis begins at 0 and ends at a round number`() {
    let axis = Axis.linear("x", upTo: 9_300)
    #expect(axis.lower == 0)
    #expect(axis.upper == 10_000)
    #expect(axis.ticks.map(\.label) == ["0", "5000", "10k"])
    #expect(axis.position(5_000) == 0.5)
    #expect(axis.position(10_001) == nil)
    #expect(axis.position(.infinity) == nil)
  }

  @Test(arguments: [0.0, -1, .nan, .infinity])
  func `an axis of nothing is still an axis`(largest: Double) {
    #expect(Axis.linear("x", upTo: largest).position(0.5) != nil)
    #expect(Axis.logarithmic("y", of: [largest]).upper > Axis.logarithmic("y", of: [largest]).lower)
  }

  @Test func `time ends where the run ends`() {
    let axis = Axis.linear("seconds", from: 0, to: 17)
    #expect(axis.upper == 17)
    #expect(axis.position(17) == 1)
    #expect(axis.ticks.last?.value == 15)
  }

  @Test func `a logarithmic axis holds all its values between round ends`() {
    let axis = Axis.logarithmic("y", of: [0, 37, 81, 4_200])
    #expect(axis.lower == 20)
    #expect(axis.upper == 5_000)
    #expect(axis.ticks.map(\.label) == ["20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms", "2 ms", "5 ms"])
    #expect(axis.position(0) == nil)
    #expect(abs(axis.position(316.2277)! - 0.5) < 1e-6)
  }

  @Test func `long spans have ticks at decades only`() {
    let axis = Axis.logarithmic("y", of: [9, 900_000])
    #expect(axis.ticks.map(\.label) == ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"])
  }

  @Test func `each nine is as far as the one before`() {
    let axis = Axis.nines("q", count: 1_000_000)
    let places = [0.9, 0.99, 0.999].map { axis.position($0)! }
    #expect(abs((places[1] - places[0]) - (places[2] - places[1])) < 1e-9)
    #expect(axis.ticks.map(\.label) == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"])
    #expect(axis.position(1) == nil)
  }

  @Test func `a thousand values say nothing of the fourth nine`() {
    let axis = Axis.nines("q", count: 1_000)
    #expect(axis.ticks.last?.label == "99.9 %")
    #expect(axis.upper == 0.9999)
  }
}
