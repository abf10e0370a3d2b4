internal import Bytes
internal import Tensors

/// What rows are called.
enum RowIds {
  /// `.npy` of integers, a tensor of a safetensors file, or text with an id a line.
  static func read(_ path: String, rows: Int, of vectors: String) throws(TrainError) -> [String] {
    guard path.hasSuffix(".npy") || path.contains(".safetensors") else {
      return try readText(path, rows: rows, of: vectors)
    }
    let ids: Identifiers
    do throws(TensorError) { ids = try Identifiers(TensorSource(path)) } catch { throw TrainError(error) }
    return try checked((0..<ids.count).map { ids[$0] }, path, rows: rows, of: vectors)
  }

  private static func readText(_ path: String, rows: Int, of vectors: String) throws(TrainError) -> [String] {
    try checked(try readLines(path), path, rows: rows, of: vectors)
  }

  /// Text with an id a line. Blanks around an id are not part of it.
  static func readLines(_ path: String) throws(TrainError) -> [String] {
    let file = try InputFile(path: path)
    try file.requireText()
    var ids: [String] = []
    var lines = LineWalk(file.bytes)
    while let line = lines.next() {
      let id = line.text
      if id.isEmpty {
        // The last line may end with a newline.
        if lines.isAtEnd { break }
        throw TrainError(.badInput, "\(path): line \(line.number) is empty; an id belongs on every line")
      }
      ids.append(id)
    }
    return ids
  }

  private static func checked(
    _ ids: [String], _ path: String, rows: Int, of vectors: String
  ) throws(TrainError) -> [String] {
    guard ids.count == rows else {
      throw TrainError(.badInput, "\(path) has \(ids.count) ids, \(vectors) has \(rows) rows; each row needs one")
    }
    return ids
  }

  /// Row numbers as ids.
  static func numbers(_ rows: Int) -> [String] { (0..<rows).map { String($0) } }

  /// The rows of ids. An id that stands twice is an error: a row would be unreachable.
  static func places(_ ids: [String], _ what: String) throws(TrainError) -> [String: Int] {
    var places: [String: Int] = [:]
    places.reserveCapacity(ids.count)
    for (row, id) in ids.enumerated() {
      if let problem = itemIdProblem(id.utf8.span.bytes) {
        throw TrainError(.badInput, "\(what) id of row \(row): \(problem)")
      }
      if let first = places.updateValue(row, forKey: id) {
        throw TrainError(.badInput, "\(what) id \"\(id)\" stands twice, at rows \(first) and \(row)")
      }
    }
    return places
  }
}

/// The lines of a text, numbered from 1.
private struct LineWalk: ~Escapable {
  private let bytes: RawSpan
  private var at: Int
  private var number = 0

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    at = startsWithByteOrderMark(bytes) ? 3 : 0
  }

  var isAtEnd: Bool { at >= bytes.byteCount }

  mutating func next() -> (number: Int, text: String)? {
    guard !isAtEnd else { return nil }
    var end = at
    while end < bytes.byteCount, bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) != 0x0A { end += 1 }
    let line = bytes.extracting(at..<end)
    at = end + 1
    number += 1
    return (number, trimmedBlanks(Trainer.readText(line)))
  }
}
