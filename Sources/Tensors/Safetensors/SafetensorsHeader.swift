internal import JSON

/// The head of a safetensors file (huggingface/safetensors, README and src/tensor.rs):
///
///     u64 N, little endian; N bytes of JSON; then the elements, to the exact end of the file
///     {"__metadata__": {…}, "name": {"dtype": "F32", "shape": [5, 3], "data_offsets": [begin, end]}, …}
///
/// Offsets count from the end of the JSON. Tensors lie end to end, from the first byte to the last, in any order of names.
enum SafetensorsHeader {
  /// The reference reader's limit.
  static let jsonBytesMax = 100_000_000
  /// A file of vectors holds a handful. Finding a member by its place costs the place, so this many cost 8 M steps.
  static let tensorsMax = 4096
  static let sidesMax = 64
  private static let metadata = "__metadata__"

  /// Whether the first bytes could be the length of a header that the format allows.
  static func mayBegin(_ bytes: RawSpan) -> Bool {
    bytes.byteCount < 8 || length(bytes) <= UInt64(jsonBytesMax)
  }

  private static func length(_ bytes: RawSpan) -> UInt64 {
    UInt64(littleEndian: bytes.unsafeLoadUnaligned(as: UInt64.self))
  }

  static func read(_ bytes: RawSpan, _ file: String) throws(TensorError) -> [TensorFile.Entry] {
    func malformed(_ detail: String, at offset: Int) -> TensorError {
      TensorError(.malformed, detail, file: file, offset: offset)
    }
    guard bytes.byteCount >= 8 else { throw malformed("ends inside the header's length", at: bytes.byteCount) }
    let count = Int(length(bytes))  // At most 100,000,000, or this would not be read as safetensors.
    guard count <= bytes.byteCount - 8 else {
      throw malformed("ends inside the header, which has \(count) bytes", at: bytes.byteCount)
    }
    // simdjson reads no document of nothing, and would say so in its own words.
    guard count >= 2 else { throw malformed("has a header of \(count) bytes", at: 0) }
    // simdjson takes a capacity of less than 32 bytes for none.
    let parser = JSONParser(maximumBytes: max(count, 4096))
    let root: JSONValue
    do throws(JSONError) { root = try parser.parse(bytes.extracting(8..<8 + count)) } catch {
      throw malformed("has a header that is no JSON: \(error)", at: 8)
    }
    // The values of a document point into the parser, which must outlive them.
    let entries = try withExtendedLifetime(parser) { () throws(TensorError) -> [TensorFile.Entry] in
      try self.entries(root, dataStart: 8 + count, file)
    }
    try checkTiling(entries, 8 + count..<bytes.byteCount, file)
    return entries
  }

  private static func entries(_ root: JSONValue, dataStart: Int, _ file: String) throws(TensorError) -> [TensorFile
    .Entry]
  {
    guard root.kind == .object else {
      throw TensorError(.malformed, "has a header that is no object", file: file, offset: 8)
    }
    let count = root.count
    guard count <= tensorsMax + 1 else {
      throw TensorError(.unsupported, "has \(count) tensors, \(tensorsMax) are the most", file: file)
    }
    var entries: [TensorFile.Entry] = []
    var names: Set<String> = []
    for place in 0..<count {
      let name = root.name(place)
      guard names.insert(name).inserted else {
        throw TensorError(.malformed, "stands there twice", file: file, tensor: name)
      }
      if name == metadata {
        try checkMetadata(root[place], file)
      } else {
        entries.append(try entry(name, root[place], dataStart: dataStart, file))
      }
    }
    return entries.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
  }

  private static func entry(_ name: String, _ value: JSONValue, dataStart: Int, _ file: String)
    throws(TensorError) -> TensorFile.Entry
  {
    func malformed(_ detail: String) -> TensorError { TensorError(.malformed, detail, file: file, tensor: name) }
    // Three members, and each of the three: none is missing, foreign or there twice.
    guard value.kind == .object, value.count == 3, let type = value["dtype"], let sides = value["shape"],
      let ends = value["data_offsets"]
    else { throw malformed("is not described by exactly dtype, shape and data_offsets") }
    let dtype = text(type)
    guard let dtype, let type = TensorType(rawValue: dtype) else {
      throw malformed("has the dtype \(quoted(dtype ?? "")), which safetensors does not know")
    }
    guard let shape = numbers(sides, max: sidesMax) else { throw malformed("has a shape that is no list of sides") }
    guard let ends = numbers(ends, max: 2), ends.count == 2, ends[0] <= ends[1] else {
      throw malformed("has data_offsets that are no beginning and end")
    }
    guard let bytes = byteCount(shape, type) else {
      throw malformed("has a shape of more elements than can be, or of half bytes: \(Tensors.text(of: shape))")
    }
    guard ends[1] - ends[0] == bytes else {
      throw malformed("has \(ends[1] - ends[0]) bytes where \(Tensors.text(of: shape)) of \(dtype) are \(bytes)")
    }
    let (offset, overflow) = dataStart.addingReportingOverflow(ends[0])
    guard !overflow else { throw malformed("begins beyond any file") }
    return TensorFile.Entry(name: name, type: type, shape: shape, offset: offset, byteCount: bytes)
  }

  private static func checkMetadata(_ value: JSONValue, _ file: String) throws(TensorError) {
    guard value.kind == .object, value.count <= tensorsMax,
      (0..<value.count).allSatisfy({ value[$0].kind == .string })
    else { throw TensorError(.malformed, "has \(metadata) that are not texts by name", file: file) }
  }

  /// Sorted entries lie end to end over the whole of `data`: no hole hides bytes, no two share any, none lies outside.
  private static func checkTiling(_ entries: [TensorFile.Entry], _ data: Range<Int>, _ file: String) throws(TensorError)
  {
    var free = data.lowerBound
    for entry in entries {
      guard entry.offset == free else {
        let fault =
          entry.offset > free ? "leaves a hole of \(entry.offset - free) bytes before it" : "overlaps the one before it"
        throw TensorError(.malformed, fault, file: file, tensor: entry.name, offset: free)
      }
      guard entry.byteCount <= data.upperBound - free else {
        let short = "is cut short: \(entry.byteCount) bytes are said to be there, \(data.upperBound - free) are"
        throw TensorError(.malformed, short, file: file, tensor: entry.name, offset: free)
      }
      free += entry.byteCount
    }
    guard free == data.upperBound else {
      throw TensorError(
        .malformed, "goes on for \(data.upperBound - free) bytes after its last tensor", file: file, offset: free)
    }
  }

  private static func text(_ value: JSONValue) -> String? {
    guard value.kind == .string, let bytes = value.string else { return nil }
    return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// A list of numbers that are not negative and fit; nil for anything else.
  private static func numbers(_ value: JSONValue, max: Int) -> [Int]? {
    guard value.kind == .array, value.count <= max else { return nil }
    var numbers: [Int] = []
    for element in value.elements(max: max) {
      guard let number = element.int64, number >= 0 else { return nil }
      numbers.append(Int(number))
    }
    return numbers
  }
}
