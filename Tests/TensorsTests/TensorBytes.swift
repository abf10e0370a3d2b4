import FoundationEssentials
import TestSupport
import Testing

@testable import Tensors

/// Files put together by hand: what no writer would write can be said too.
enum TensorBytes {
  /// A .npy of this literal and these elements, as numpy pads it unless told otherwise.
  static func npy(_ literal: String, _ elements: [UInt8] = [], version: UInt8 = 1, pads: Bool = true) -> [UInt8] {
    var text = Array(literal.utf8)
    let lengthBytes = version == 1 ? 2 : 4
    if pads {
      text += repeatElement(0x20, count: (64 - (8 + lengthBytes + text.count + 1) % 64) % 64) + [0x0A]
    }
    let length = (0..<lengthBytes).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return NPYHeader.magic + [version, 0] + length + text + elements
  }

  static func literal(_ descr: String = "<f4", fortran: String = "False", shape: String = "(2, 3)") -> String {
    "{'descr': '\(descr)', 'fortran_order': \(fortran), 'shape': \(shape), }"
  }

  /// 2 × 3 floats: 1, 2, … 6.
  static let floats: [UInt8] = elements([1, 2, 3, 4, 5, 6] as [Float])

  static func elements<T: BitwiseCopyable>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  static func safetensors(_ json: String, _ elements: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Array($0) } + Array(json.utf8) + elements
  }

  /// A member of a safetensors header.
  static func member(_ name: String, _ type: String, _ shape: [Int], _ begin: Int, _ end: Int) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
  }

  /// What is wrong with a file of these bytes; nil when nothing is.
  static func fault(_ bytes: [UInt8]) -> TensorError? {
    do throws(TensorError) {
      _ = try TensorFile.read(bytes.span.bytes, "x")
      return nil
    } catch { return error }
  }
}

/// Writes bytes to a file of a folder and returns its path.
extension TemporaryFolder {
  func put(_ bytes: [UInt8], _ name: String) -> String {
    try! Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }
}

extension Matrix {
  var values: [Float] { withUnsafeBufferPointer { Array($0) } }
}

/// What reading a matrix of a file of these bytes throws.
func matrixFault(_ bytes: [UInt8], tensor: String? = nil) -> TensorError? {
  let folder = TemporaryFolder()
  do throws(TensorError) {
    _ = try Matrix(TensorSource(path: folder.put(bytes, "x"), tensor: tensor))
    return nil
  } catch { return error }
}
