/// First in, first out, in a ring that doubles when it is full.
struct Queue<Element> {
  private var ring: [Element?]
  private var head = 0
  private(set) var count = 0

  init(capacity: Int = 16) {
    var size = 1
    while size < capacity { size *= 2 }
    ring = Array(repeating: nil, count: size)
  }

  var isEmpty: Bool { count == 0 }

  var first: Element? { count == 0 ? nil : ring[head] }

  mutating func append(_ element: Element) {
    if count == ring.count { grow() }
    ring[(head + count) & (ring.count - 1)] = element
    count += 1
  }

  /// Puts an element before all others.
  mutating func prepend(_ element: Element) {
    if count == ring.count { grow() }
    head = (head - 1) & (ring.count - 1)
    ring[head] = element
    count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = ring[head]
    ring[head] = nil
    head = (head + 1) & (ring.count - 1)
    count -= 1
    return element
  }

  private mutating func grow() {
    var grown: [Element?] = []
    grown.reserveCapacity(ring.count * 2)
    for place in 0..<count { grown.append(ring[(head + place) & (ring.count - 1)]) }
    grown += Array(repeating: nil, count: ring.count * 2 - count)
    ring = grown
    head = 0
  }
}
