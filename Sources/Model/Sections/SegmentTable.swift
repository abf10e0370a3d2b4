internal import Bytes
internal import Snapshots

/// The segments, and which one a context gets.
///
///     seg       f32 centroids, segments × dimension; u32 users of each
///     seg.ctx   table of context codes, ascending; u16 segment of each
struct SegmentTable: Sendable {
  private let centroids: Column<Float>
  private let sizes: Column<UInt32>
  private let contexts: [ContextKey: UInt16]
  private let dimension: Int
  /// The segment of who says nothing: the one of `*`, else the largest.
  let standard: Int

  /// A context's code, up to eight bytes, as one number.
  typealias ContextKey = UInt64

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    dimension = head.dimension
    (centroids, sizes) = try snapshot.read(ModelTag.segments) {
      (reader) throws(SnapshotError) -> (Column<Float>, Column<UInt32>) in
      (try reader.finite(head.segments * head.dimension), try reader.column(of: UInt32.self, count: head.segments))
    }
    contexts = try snapshot.read(ModelTag.contexts) { (reader) throws(SnapshotError) in
      let codes = try StringTable(from: &reader)
      let segments = try reader.column(of: UInt16.self, count: codes.count)
      var contexts: [ContextKey: UInt16] = [:]
      for index in 0..<codes.count {
        guard let key = Self.key(codes.bytes(at: index)), contexts[key] == nil, segments[index] < head.segments else {
          throw reader.invalid("has a context, number \(index), that is none, stands twice or has no segment")
        }
        contexts[key] = segments[index]
      }
      return contexts
    }
    let sizes = sizes
    let largest = sizes.indices.max { (sizes[$0], $1) < (sizes[$1], $0) }!
    standard = contexts[Self.everybody].map(Int.init) ?? largest
  }

  var count: Int { sizes.count }
  func size(_ segment: Int) -> Int { Int(sizes[segment]) }

  func centroid(_ segment: Int) -> Column<Float> {
    centroids.extracting(segment * dimension..<(segment + 1) * dimension)
  }

  /// The segment that the trainer found for a context; nil when it has none of its own.
  func segment(of context: ContextBucket) -> Int? {
    context.isAny ? nil : contexts[context.key].map(Int.init)
  }

  private static let everybody: ContextKey = ContextBucket.any.key

  fileprivate static func key(_ code: RawSpan) -> ContextKey? {
    guard (1...8).contains(code.byteCount) else { return nil }
    var key: ContextKey = 0
    for place in 0..<code.byteCount {
      guard code.byte(place) > 0x20, code.byte(place) < 0x7F else { return nil }
      key |= UInt64(code.byte(place)) << UInt64(8 * place)
    }
    return key
  }

  static func write(
    _ content: ModelContent, to file: inout ModelFile
  ) throws(ModelContentError) {
    var sizes = [UInt32](repeating: 0, count: content.segmentCount)
    for user in content.users { sizes[Int(user.segment)] += 1 }
    var segments = SectionBuilder()
    segments.column(content.segmentCentroids)
    segments.column(sizes)
    try file.add(ModelTag.segments, segments)

    let sorted = content.contextSegments.sorted { $0.code < $1.code }
    for (index, context) in sorted.enumerated() {
      guard key(context.code.utf8.span.bytes) != nil else {
        throw .invalid("\"\(context.code)\" is no code of a context")
      }
      guard index == 0 || sorted[index - 1].code != context.code else {
        throw .invalid("context \"\(context.code)\" has two segments")
      }
      guard Int(context.segment) < content.segmentCount else {
        throw .invalid("context \"\(context.code)\" has segment \(context.segment) of \(content.segmentCount)")
      }
    }
    var contexts = SectionBuilder()
    StringTable.write(into: &contexts, sorted.map(\.code))
    contexts.column(sorted.map(\.segment))
    try file.add(ModelTag.contexts, contexts)
  }
}

extension ContextBucket {
  /// The code's characters as one number, the first lowest.
  var key: UInt64 {
    if isAny { return UInt64(UInt8(ascii: "*")) }
    var key: UInt64 = 0
    var shift: UInt64 = 0
    for pair in [device, language, region, daypart].lazy where pair != 0 {
      key |= UInt64(pair) << shift
      shift += 16
    }
    return key
  }
}
