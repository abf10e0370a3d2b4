internal import Bytes
internal import Glibc
internal import Model

/// Rows of vectors that some trainer made, checked: every number is finite.
struct VectorTable {
  let path: String
  let rows: Int
  let dimension: Int
  /// Row-major.
  var values: [Float]
  /// What the file itself calls its rows.
  var ids: [String]?

  func row(_ index: Int) -> ArraySlice<Float> { values[index * dimension..<(index + 1) * dimension] }

  /// The length of each row, summed in double.
  func norms() -> [Float] {
    values.withUnsafeBufferPointer { values in
      (0..<rows).map { row in
        var sum = 0.0
        for place in row * dimension..<(row + 1) * dimension { sum += Double(values[place]) * Double(values[place]) }
        return Float(sum.squareRoot())
      }
    }
  }

  /// HᵀH, in double, a block of rows at a time so that no second copy of the whole is made.
  func gram() -> [Float] {
    let block = 1 << 16
    var sums = [Double](repeating: 0, count: dimension * dimension)
    for first in stride(from: 0, to: rows, by: block) {
      let last = min(rows, first + block)
      let part = FactorTable(rows: Array(values[first * dimension..<last * dimension]), dimension: dimension)
      for (place, value) in Gram(of: part, threads: 0).matrix.enumerated() { sums[place] += value }
    }
    return sums.map { Float($0) }
  }
}

extension VectorTable {
  /// What the rows stand for; also the names of tensors in a safetensors file.
  enum Role: String { case items, users, centroids }

  static func read(_ path: String, _ role: Role, _ progress: ProgressReceiver) throws(TrainError) -> VectorTable {
    // PROVISIONAL until Tensors lands.
    let file = try InputFile(path: path)
    let header = Int(file.bytes.unsafeLoad(fromByteOffset: 8, as: UInt16.self)) + 10
    let text = file.bytes.extracting(10..<header).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    let shape = text.split(separator: "(")[1].split(separator: ")")[0].split(separator: ",").compactMap { Int(trimmedBlanks($0)) }
    let values = file.bytes.extracting(header..<file.byteCount).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return VectorTable(path: path, rows: shape[0], dimension: shape[1], values: values)
  }
}
