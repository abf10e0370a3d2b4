internal import Bytes

/// The metadata members that a request wants (`fields=title,url`): names, compared as JSON spells them.
///
/// Reused between requests. Unknown names select nothing, which is no error: a client may be newer than a catalogue.
public struct MetadataFields: ~Copyable {
  /// Names in one request, as the gateway limits them too.
  public static let namesMax = 16

  private var names = ByteBuffer(capacity: 64)
  private var ends: [Int] = []

  public init() { ends.reserveCapacity(Self.namesMax) }

  /// None chosen: everything is answered.
  public var isEmpty: Bool { ends.isEmpty }

  public mutating func removeAll() {
    names.removeAll()
    ends.removeAll(keepingCapacity: true)
  }

  /// Adds a name as the client wrote it; those beyond `namesMax` are left out.
  public mutating func insert(_ name: RawSpan) {
    guard ends.count < Self.namesMax else { return }
    names.append(jsonEscaped: name)
    ends.append(names.count)
  }

  /// `name`: the inside of a JSON string.
  func contains(_ name: RawSpan) -> Bool {
    var start = 0
    for end in ends {
      if equal(names.bytes.extracting(start..<end), name) { return true }
      start = end
    }
    return false
  }
}
