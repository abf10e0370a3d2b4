internal import Bytes
internal import Snapshots

/// What an answer says about each item, rendered when the snapshot is made.
///
///     itm.meta  table of JSON objects, without white space: {"title":"…","categories":["…"],…}
struct ItemMetadata: Sendable {
  private let objects: StringTable

  /// O(bytes), because a broken object would break every response it stands in; O(items) when `trusted`.
  init(_ snapshot: Snapshot, count: Int, trusted: Bool) throws(SnapshotError) {
    self = try snapshot.read(ModelTag.metadata) { (reader) throws(SnapshotError) in
      let objects = try StringTable(from: &reader)
      guard objects.count == count else { throw reader.invalid("has metadata of \(objects.count) of \(count) items") }
      guard !trusted else { return ItemMetadata(objects: objects) }
      if let item = objects.firstInvalidUTF8() {
        throw reader.invalid("has metadata, of item \(item), that is not UTF-8")
      }
      for item in 0..<count {
        let object = objects.bytes(at: item)
        guard object.byteCount <= ModelContent.metadataBytesMax, isCompactJSONObject(object) else {
          throw reader.invalid(
            "has metadata, of item \(item), that is no JSON object, or more than \(ModelContent.metadataBytesMax) bytes"
          )
        }
      }
      return ItemMetadata(objects: objects)
    }
  }

  private init(objects: StringTable) { self.objects = objects }

  @_lifetime(borrow self)
  func object(_ item: UInt32) -> RawSpan { objects.bytes(at: Int(item)) }

  func start(of item: UInt32) -> UInt64 { objects.start(of: Int(item)) }
  func touch(_ item: UInt32) -> UInt64 { objects.touch(Int(item)) }

  static func write(_ items: [ModelContent.Item], into section: inout SectionBuilder) throws(ModelContentError) {
    var text = ByteBuffer(capacity: 1024)
    var objects: [[UInt8]] = []
    objects.reserveCapacity(items.count)
    for item in items {
      text.removeAll()
      render(item, into: &text)
      guard text.count <= ModelContent.metadataBytesMax else {
        throw .invalid("item \"\(item.id)\" has more than \(ModelContent.metadataBytesMax) bytes of metadata")
      }
      objects.append(Array(copying: text.bytes))
    }
    StringTable.write(into: &section, objects)
  }

  private static func render(_ item: ModelContent.Item, into text: inout ByteBuffer) {
    text.append(UInt8(ascii: "{"))
    var isFirst = true
    func name(_ name: String) {
      text.append((isFirst ? "\"" : ",\"") as StaticString)
      isFirst = false
      text.append(jsonEscaped: name)
      text.append("\":" as StaticString)
    }
    func string(_ value: String) {
      text.append(UInt8(ascii: "\""))
      text.append(jsonEscaped: value)
      text.append(UInt8(ascii: "\""))
    }
    if !item.title.isEmpty {
      name("title")
      string(item.title)
    }
    if !item.categories.isEmpty {
      name("categories")
      for (index, category) in item.categories.enumerated() {
        text.append(UInt8(ascii: index == 0 ? "[" : ","))
        string(category)
      }
      text.append(UInt8(ascii: "]"))
    }
    for member in item.metadata {
      name(member.name)
      string(member.value)
    }
    text.append(UInt8(ascii: "}"))
  }
}
