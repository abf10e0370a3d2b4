import FoundationEssentials

/// A safetensors file put together by hand, with tensors of several types.
enum SafetensorBytes {
  static func write(_ tensors: [(name: String, shape: [Int], bytes: [UInt8], type: String)], to path: String) throws {
    var offset = 0
    var entries: [String] = []
    for tensor in tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      entries.append(
        #""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":[\#(shape)],"data_offsets":[\#(offset),\#(offset + tensor.bytes.count)]}"#)
      offset += tensor.bytes.count
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    while header.count % 8 != 0 { header.append(0x20) }
    var file = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    file += header
    for tensor in tensors { file += tensor.bytes }
    try Data(file).write(to: URL(filePath: path))
  }
}
