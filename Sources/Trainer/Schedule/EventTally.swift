internal import Bytes
internal import Events

/// How many events lie in the segment folders of gateways that no model has learnt from yet.
///
/// Counted as the files grow: each look reads what has been appended since the last. Impressions do not count, for
/// nothing is learnt from them. A file that is gone takes its count with it; one that is damaged counts up to there, and
/// is looked at again when it has grown. It is a value, kept over restarts as JSON.
public struct EventTally: Codable, Sendable, Equatable {
  private struct File: Codable, Equatable {
    /// Up to the end of the last whole frame that was counted.
    var countedBytes = 0
    var events = 0
    var learntEvents = 0
    /// The size at which damage was met.
    var damagedAtBytes: Int?
  }

  /// What a run that starts now will read: given back to `learnt` when it has come to a decision.
  public struct Mark: Codable, Sendable, Equatable {
    fileprivate let events: [String: Int]
  }

  /// Of a file in one look: what a gateway writes in an hour, as a rule; a longer one takes several looks.
  static let bytesPerLookMax = 64 << 20

  private var files: [String: File] = [:]

  public init() {}

  /// Events that no run has learnt from.
  public var newEvents: Int { files.values.reduce(0) { $0 + max(0, $1.events - $1.learntEvents) } }

  public var mark: Mark { Mark(events: files.mapValues(\.events)) }

  /// A run has learnt from what was there when it was marked.
  public mutating func learnt(_ mark: Mark) {
    for (path, events) in mark.events { files[path]?.learntEvents = events }
  }

  /// Counts what has come. Blocks for as long as the disk takes. Returns sentences about files that cannot be read.
  public mutating func look(at folders: [String]) -> [String] {
    var faults: [String] = []
    let paths = folders.flatMap(EventSegments.files)
    let present = Set(paths)
    files = files.filter { present.contains($0.key) }
    for path in paths {
      var file = files[path] ?? File()
      if let fault = count(path, &file) { faults.append(fault) }
      files[path] = file
    }
    return faults
  }

  private func count(_ path: String, _ file: inout File) -> String? {
    guard let size = byteCount(of: path) else { return nil }
    // Shorter than it was: another file under the name.
    if size < file.countedBytes { file = File() }
    guard size > file.countedBytes, file.damagedAtBytes != size else { return nil }
    do {
      let tail = try SegmentReader.tail(of: path, from: file.countedBytes, bytesMax: Self.bytesPerLookMax)
      file.events += learnable(tail.lines.bytes)
      file.countedBytes = tail.end
      file.damagedAtBytes = nil
      return nil
    } catch {
      file.damagedAtBytes = size
      return "\(error)"
    }
  }
}

/// Lines that are no impressions. What is no event at all is the run's to complain of.
private func learnable(_ text: RawSpan) -> Int {
  var count = 0
  var start = 0
  while start < text.byteCount {
    var end = start
    while end < text.byteCount, text.unsafeLoad(fromByteOffset: end, as: UInt8.self) != 0x0A { end += 1 }
    if end > start, !isImpression(text.extracting(start..<end)) { count += 1 }
    start = end + 1
  }
  return count
}

private func isImpression(_ line: RawSpan) -> Bool {
  var json = FlatJSON(line)
  while case .member(let member) = json.next() {
    guard equal(line.extracting(member.name), "event".utf8.span.bytes) else { continue }
    return equal(line.extracting(member.value), "impression".utf8.span.bytes)
  }
  return false
}
