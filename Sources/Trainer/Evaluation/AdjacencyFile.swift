public import FoundationEssentials

/// A list of interactions, one user a line: `user item item …`, whole numbers apart by blanks or tabs, as the Gowalla,
/// Yelp2018 and Amazon-Book splits of NGCF and LightGCN come.
///
/// A line may hold a user alone, a user may have several lines, and an item counts once however often it stands there.
/// A line with anything but whole numbers is broken: it is left out whole, counted, and the first few are kept to show.
public struct AdjacencyFile: Sendable {
  /// A share of broken lines above this is no damaged file but a file of something else: it is refused.
  public static let brokenShareMax = 0.1
  /// How many broken lines are kept for the message.
  public static let brokenShownMax = 5

  public struct BrokenLine: Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
  }

  /// In the file's order.
  public private(set) var pairs: [(user: UInt64, item: UInt64)] = []
  /// Users of whole lines, in the file's order, also those without items.
  public private(set) var users: [UInt64] = []
  public private(set) var lineCount = 0
  public private(set) var brokenCount = 0
  /// The first few.
  public private(set) var broken: [BrokenLine] = []

  public init(path: String) throws(EvaluationError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw .unreadable(path: path, reason: FileManager.default.fileExists(atPath: path) ? "\(error)" : "no such file")
    }
    try self.init(data, path: path)
  }

  /// `path` is for messages.
  public init(_ data: Data, path: String) throws(EvaluationError) {
    data.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        read(line: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        start = end + 1
      }
    }
    guard Double(brokenCount) <= Self.brokenShareMax * Double(lineCount) else {
      throw .tooManyBroken(path: path, broken: brokenCount, lines: lineCount, first: broken)
    }
    guard !pairs.isEmpty else { throw .empty(path: path) }
  }

  private mutating func read(line: UnsafeRawBufferPointer) {
    lineCount += 1
    let kept = pairs.count
    var user: UInt64?
    var place = 0
    while let word = Self.nextWord(line, &place) {
      guard let number = Self.wholeNumber(word) else {
        pairs.removeSubrange(kept...)
        brokenCount += 1
        if broken.count < Self.brokenShownMax {
          // Cut: a word of a binary file may be a megabyte.
          let shown = String(decoding: word.prefix(24), as: UTF8.self)
          broken.append(BrokenLine(line: lineCount, reason: "'\(shown)' is not a whole number"))
        }
        return
      }
      if let user { pairs.append((user, number)) } else { user = number }
    }
    if let user { users.append(user) }
  }

  private static func nextWord(_ line: UnsafeRawBufferPointer, _ place: inout Int) -> Slice<UnsafeRawBufferPointer>? {
    while place < line.count, isBlank(line[place]) { place += 1 }
    let start = place
    while place < line.count, !isBlank(line[place]) { place += 1 }
    return start < place ? line[start..<place] : nil
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  private static func wholeNumber(_ word: Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var number: UInt64 = 0
    for byte in word {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }
}
