import Testing

@testable import LoadReport

struct FormatTests {
  @Test(arguments: [
    (0.0, "0 µs"), (7.414, "7.41 µs"), (51.26, "51.3 µs"), (512.4, "512 µs"), (999.4, "999 µs"), (999.6, "1 ms"),
    (1_834, "1.83 ms"), (50_000, "50 ms"), (999_400, "999 ms"), (2_500_000, "2.5 s"), (61_000_000, "61 s"),
  ])
  func `a time has three digits and its unit`(microseconds: Double, text: String) {
    #expect(Format.time(microseconds: microseconds) == text)
  }

  @Test(arguments: [(0.0, "0"), (999.6, "1,000"), (12_400, "12,400"), (1_250_000, "1,250,000"), (-1_200, "−1,200")])
  func `counts are grouped by thousands`(number: Double, text: String) {
    #expect(Format.count(number) == text)
  }

  @Test(arguments: [
    (1.0, "100 %"), (0.5, "50 %"), (0.999, "99.9 %"), (0.99996, "99.996 %"), (0.9999999, "99.999 %"), (0, "0 %"),
    (0.0012, "0.1 %"),
    (0.985, "98.5 %"), (0.123, "12 %"),
  ])
  func `a share that is not everything is not called 100 %`(share: Double, text: String) {
    #expect(Format.percent(share) == text)
  }

  @Test func `columns keep their zeros`() {
    #expect(Format.fixed(6.1, places: 2) == "6.10")
    #expect(Format.fixed(-0.001, places: 2) == "0.00")
    #expect(Format.fixed(1.999, places: 2) == "2.00")
    #expect(Format.fixed(12, places: 0) == "12")
  }

  @Test func `the spread of some rounds is their middle and ends`() {
    #expect(Spread([]) == nil)
    #expect(Spread([3, 1, 2])?.median == 2)
    let even = Spread([4, 1, 2, 3])
    #expect(even?.median == 2.5)
    #expect(even?.range(places: 1) == "1.0–4.0")
    #expect(even?.rounds == 4)
  }
}

struct TextTableTests {
  private var table: TextTable {
    var table = TextTable(["tier", "requests/s", "p99"])
    table.add(["l1", "91,000", "512 µs"])
    table.add(["nginx <x>|y", "7"])
    return table
  }

  @Test func `numbers stand to the right, words to the left, nothing trails`() {
    #expect(
      table.terminal == """
          tier         requests/s     p99
          l1               91,000  512 µs
          nginx <x>|y           7

        """)
  }

  @Test func `Markdown escapes what would end a cell`() {
    #expect(
      table.markdown == """
        | tier | requests/s | p99 |
        | --- | --: | --: |
        | l1 | 91,000 | 512 µs |
        | nginx <x>\\|y | 7 |  |

        """)
  }

  @Test func `HTML escapes what would be a tag`() {
    #expect(table.html.contains("<td>nginx &lt;x&gt;|y</td><td class=\"n\">7</td><td class=\"n\"></td>"))
  }
}
