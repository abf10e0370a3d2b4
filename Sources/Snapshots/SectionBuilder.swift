/// Composes a section, step by step as `SectionReader` will read it.
public struct SectionBuilder: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init(reservingBytes capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  public mutating func scalar(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  public mutating func float(_ value: Float) { scalar(value.bitPattern) }
  public mutating func double(_ value: Double) { scalar(value.bitPattern) }

  /// What `SectionReader.count(max:)` reads.
  public mutating func count(_ value: Int) { scalar(UInt64(value)) }

  /// A column at the next multiple of 64 bytes. O(bytes).
  public mutating func column<T: BitwiseCopyable>(_ elements: [T]) {
    elements.withUnsafeBufferPointer { column($0) }
  }

  public mutating func column<T: BitwiseCopyable>(_ elements: UnsafeBufferPointer<T>) {
    // Padding inside an element would be whatever the memory held before, and two builds would differ.
    precondition(MemoryLayout<T>.stride == MemoryLayout<T>.size, "\(T.self) has padding")
    guard elements.count > 0 else { return }
    bytes.append(contentsOf: repeatElement(0, count: aligned(bytes.count) - bytes.count))
    bytes.append(contentsOf: UnsafeRawBufferPointer(elements))
  }

  public mutating func column<T: BitwiseCopyable>(_ elements: Span<T>) {
    elements.withUnsafeBufferPointer { column($0) }
  }

  public mutating func text(_ value: String) {
    scalar(UInt32(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }
}
