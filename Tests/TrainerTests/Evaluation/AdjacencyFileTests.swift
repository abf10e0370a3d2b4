import FoundationEssentials
import TestSupport
import Testing

@testable import Trainer

struct AdjacencyFileTests {
  private func read(_ text: String) throws(EvaluationError) -> AdjacencyFile {
    try AdjacencyFile(Data(text.utf8), path: "some.txt")
  }

  @Test func `lines of a user and items, apart by blanks or tabs, with any line end`() throws {
    let file = try read("7 1 2\n\n8\n9\t3  4 \r\n7 18446744073709551615")
    #expect(file.pairs.map(\.user) == [7, 7, 9, 9, 7])
    #expect(file.pairs.map(\.item) == [1, 2, 3, 4, .max])
    #expect(file.users == [7, 8, 9, 7])
    #expect(file.brokenCount == 0)
  }

  @Test func `a broken line is left out whole and shown with its number`() throws {
    let whole = (0..<30).map { "\($0) 1 2" }.joined(separator: "\n")
    let file = try read(whole + "\n31 5 x 6\n32 -1\n33 18446744073709551616\n34 9\n")
    #expect(file.brokenCount == 3)
    #expect(
      file.broken.map(\.description) == [
        "line 31: 'x' is not a whole number", "line 32: '-1' is not a whole number",
        "line 33: '18446744073709551616' is not a whole number",
      ])
    #expect(file.pairs.count == 61 && file.pairs.last! == (34, 9))
  }

  @Test func `a file of something else is refused, with the first broken lines`() {
    let text = "userId,movieId\n" + (0..<50).map { "\($0),4.5" }.joined(separator: "\n")
    do throws(EvaluationError) {
      _ = try read(text)
      Issue.record("read a CSV as adjacency")
    } catch {
      #expect(
        error.description.hasPrefix("some.txt: 51 of 51 lines are broken, more than the 10 % that are put up with; "))
      #expect(error.description.contains("line 1: 'userId,movieId' is not a whole number"))
    }
  }

  @Test func `an empty file, users without items, and no file are clear errors`() {
    #expect(throws: EvaluationError.empty(path: "some.txt")) { try read("") }
    #expect(throws: EvaluationError.empty(path: "some.txt")) { try read("1\n2\n") }
    #expect(throws: EvaluationError.unreadable(path: "/nowhere/x.txt", reason: "no such file")) {
      try AdjacencyFile(path: "/nowhere/x.txt")
    }
  }

  @Test func `parts share one numbering, in the order of ids, dense or not`() throws {
    for scale in [1, 1_000_000_007] {
      let split = try EvaluationSplit(
        train: read("\(5 * scale) \(30 * scale) \(10 * scale) \(10 * scale)\n\(2 * scale) \(20 * scale)"), valid: nil,
        test: read("\(2 * scale) \(40 * scale)"))
      #expect(split.train.userCount == 2 && split.train.itemCount == 4)
      #expect(Array(split.train.row(1).columns) == [0, 2], "user 5 is the second")
      #expect(split.train.weights == [1, 1, 1], "a repeated pair counts once")
      #expect(Array(split.test.row(0).columns) == [3])
    }
  }

  @Test func `a validation part is taken out of train, or stands beside it, and is refitted on either way`() throws {
    let test = try read("1 9")
    let inside = try EvaluationSplit(train: read("1 2 3 4"), valid: read("1 3"), test: test)
    let beside = try EvaluationSplit(train: read("1 2 4"), valid: read("1 3"), test: test)
    for split in [inside, beside] {
      #expect(Array(split.train.row(0).columns) == [0, 2])
      #expect(Array(split.refit.row(0).columns) == [0, 1, 2])
      #expect(split.refit.weights == [1, 1, 1])
    }
  }
}
