/// Which keys were asked for and when: what a cache is judged by.
///
/// As text, one access a line, in order of time; lines that begin with `#` are comments:
///
///     seconds key bytes
///     0.013 nt1:shop:films:68914c80:home:s7:*:- 14872
///
/// `seconds` since any start, with or without decimals; `key` without spaces; `bytes` of the value, of which the last
/// one said for a key counts. The load kit's `--record-keys` writes this, `needletail cache replay` reads it.
public struct KeyTrace: Sendable, Equatable {
  /// Whole seconds since the first access, one an access: caches count in those.
  public private(set) var seconds: [UInt32] = []
  /// Index into `names`, one an access.
  public private(set) var keys: [UInt32] = []
  public private(set) var names: [String] = []
  /// Bytes of each key's value.
  public private(set) var valueBytes: [UInt32] = []
  private var numbers: [String: UInt32] = [:]
  private var startSeconds: Double?

  public init() {}

  public var count: Int { keys.count }
  public var keyCount: Int { names.count }

  /// What an unbounded cache would hold in the end, with what each entry costs beside its content.
  public var footprintBytes: Int { (0..<keyCount).reduce(0) { $0 + cost(of: $1) } }

  /// Bytes that a key's entry takes in L1.
  func cost(of key: Int) -> Int { names[key].utf8.count + Int(valueBytes[key]) + L1Cache.entryOverheadBytes }

  /// Adds an access. Times that run back are taken as the latest so far: recorders' clocks may differ by a little.
  public mutating func append(seconds time: Double, key name: String, bytes: Int) {
    let start = startSeconds ?? time
    startSeconds = start
    let key = number(of: name)
    valueBytes[Int(key)] = UInt32(clamping: bytes)
    keys.append(key)
    seconds.append(max(UInt32(max(0, min(time - start, 4e9))), seconds.last ?? 0))
  }

  private mutating func number(of name: String) -> UInt32 {
    if let known = numbers[name] { return known }
    let new = UInt32(names.count)
    numbers[name] = new
    names.append(name)
    valueBytes.append(0)
    return new
  }

  public static func == (one: KeyTrace, other: KeyTrace) -> Bool {
    one.seconds == other.seconds && one.keys == other.keys && one.names == other.names
      && one.valueBytes == other.valueBytes
  }
}

// MARK: - Text

extension KeyTrace {
  /// A line that is no access.
  public struct Fault: Error, Equatable, CustomStringConvertible {
    public let line: Int
    public let text: String
    public var description: String { "line \(line) is not 'seconds key bytes': \(text)" }
  }

  /// - Complexity: O(bytes).
  public init(text: String) throws(Fault) {
    var line = 0
    for row in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      line += 1
      guard let first = row.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "\r") else { continue }
      let fields = row.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
      guard fields.count == 3, let time = Double(String(Substring(fields[0]))), time.isFinite,
        let bytes = UInt32(Substring(fields[2]))
      else { throw Fault(line: line, text: String(Substring(row.prefix(80)))) }
      append(seconds: time, key: String(Substring(fields[1])), bytes: Int(bytes))
    }
  }

  public var text: String {
    var text = "# seconds key bytes\n"
    for place in 0..<count {
      let key = Int(keys[place])
      text += "\(seconds[place]) \(names[key]) \(valueBytes[key])\n"
    }
    return text
  }
}
