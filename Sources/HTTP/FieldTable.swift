/// The header lines of one head as offsets, in storage that is allocated once a connection.
///
/// Not an `InlineArray` inside `RequestHead`: the compiler (6.3) copies all 800 bytes of one to read an element of it,
/// which took a fifth of the time of parsing a small request.
struct FieldTable: ~Copyable {
  /// One line in eight bytes. `HTTPLimits.headBytesMax` is why 16 bits suffice.
  private struct Slot {
    let nameStart, nameCount, valueStart, valueCount: UInt16
  }

  private let slots: UnsafeMutablePointer<Slot>
  private let capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    slots = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { slots.deallocate() }

  mutating func removeAll() { count = 0 }

  mutating func append(name: Range<Int>, value: Range<Int>) {
    precondition(count < capacity)
    let slot = Slot(
      nameStart: UInt16(name.lowerBound), nameCount: UInt16(name.count), valueStart: UInt16(value.lowerBound),
      valueCount: UInt16(value.count))
    (slots + count).initialize(to: slot)
    count += 1
  }

  func name(_ index: Int) -> Range<Int> {
    precondition(index >= 0 && index < count)
    let slot = slots[index]
    return Int(slot.nameStart)..<Int(slot.nameStart) + Int(slot.nameCount)
  }

  func value(_ index: Int) -> Range<Int> {
    precondition(index >= 0 && index < count)
    let slot = slots[index]
    return Int(slot.valueStart)..<Int(slot.valueStart) + Int(slot.valueCount)
  }
}
