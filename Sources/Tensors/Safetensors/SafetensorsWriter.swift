internal import Snapshots

/// Writes a safetensors file as the reference does: wide types first, then by name; the header padded to 8 bytes.
public struct SafetensorsWriter {
  private struct Part {
    let name: String
    let type: TensorType
    let shape: [Int]
    let bytes: [UInt8]
  }

  private var parts: [Part] = []

  public init() {}

  /// Adds a tensor; its elements are copied. A name may be used once.
  /// - Parameter bytes: the elements, little endian, in C order; as many as the shape says.
  public mutating func add(_ name: String, type: TensorType, shape: [Int], _ bytes: RawSpan) {
    precondition(byteCount(shape, type) == bytes.byteCount, "the shape is not that of the elements")
    precondition(!parts.contains { $0.name == name } && name != "__metadata__", "the name is taken")
    parts.append(Part(name: name, type: type, shape: shape, bytes: bytes.withUnsafeBytes { Array($0) }))
  }

  public mutating func add<Element: BitwiseCopyable>(
    _ name: String, type: TensorType, shape: [Int], _ elements: [Element]
  ) {
    let bytes = elements.withUnsafeBytes { Array($0) }
    add(name, type: type, shape: shape, bytes.span.bytes)
  }

  /// The file appears whole under its name, in place of one that may be there.
  public func write(path: String) throws(TensorError) {
    let ordered = parts.sorted { ($1.type.bits, $0.name) < ($0.type.bits, $1.name) }
    let header = head(ordered)
    try writeWhole(path) { (file) throws(DiskError) in
      try file.append(header.span.bytes)
      for part in ordered { try file.append(part.bytes.span.bytes) }
    }
  }

  private func head(_ ordered: [Part]) -> [UInt8] {
    var end = 0
    let members = ordered.map { part -> String in
      let begin = end
      end += part.bytes.count
      let shape = part.shape.map(String.init).joined(separator: ",")
      return
        "\(escaped(part.name)):{\"dtype\":\"\(part.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    json += repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
  }

  private func escaped(_ name: String) -> String {
    let parts = name.unicodeScalars.map { scalar -> String in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case _ where scalar.value < 0x20: "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: String(scalar)
      }
    }
    return "\"\(parts.joined())\""
  }
}
