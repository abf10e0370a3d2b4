internal import Glibc
import Memcached

/// Weighted ketama written a second time, in Swift, from the description of the algorithm. It exists so that the
/// library's ring has something to differ from; production asks the library.
struct KetamaOracle {
  private(set) var points: [(value: UInt32, node: Int)] = []

  init(_ nodes: [NodeAddress]) {
    for (index, node) in nodes.enumerated() {
      let name = node.port == 11211 ? node.host : "\(node.host):\(node.port)"
      for i in 0..<Self.pointCount(of: node, among: nodes) / 4 {
        for word in MD5.words("\(name)-\(i)") { points.append((word, index)) }
      }
    }
    points.sort { ($0.value, $0.node) < ($1.value, $1.node) }
  }

  /// Float32 at every step, in this order: the rounding decides between 156 and 160 points.
  static func pointCount(of node: NodeAddress, among nodes: [NodeAddress]) -> Int {
    var share = Float(node.weight) / Float(nodes.reduce(0) { $0 + $1.weight })
    share *= 160
    share /= 4
    share *= Float(nodes.count)
    share = Float(Double(share) + 0.0000000001)
    return Int(share.rounded(.down)) * 4
  }

  func point(for key: String) -> (value: UInt32, node: Int) {
    let hash = Self.hash(key)
    return points.first { $0.value >= hash } ?? points[0]
  }

  static func hash(_ key: String) -> UInt32 { MD5.words(key)[0] }
}

/// MD5 (RFC 1321), for names and keys of a test.
enum MD5 {
  private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  private static let sines: [UInt32] = (1...64).map { UInt32(4_294_967_296 * sin(Double($0)).magnitude) }

  /// The digest as four little-endian words.
  static func words(_ text: String) -> [UInt32] {
    var message = Array(text.utf8) + [0x80]
    while message.count % 64 != 56 { message.append(0) }
    withUnsafeBytes(of: UInt64(text.utf8.count * 8).littleEndian) { message.append(contentsOf: $0) }
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
    for start in stride(from: 0, to: message.count, by: 64) { mix(&state, message[start..<start + 64]) }
    return state
  }

  private static func mix(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
    let words = (0..<16).map { w in (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[block.startIndex + w * 4 + $1]) << ($1 * 8) } }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    for step in 0..<64 {
      let (f, word): (UInt32, Int)
      switch step / 16 {
      case 0: (f, word) = ((b & c) | (~b & d), step)
      case 1: (f, word) = ((d & b) | (~d & c), (5 * step + 1) % 16)
      case 2: (f, word) = (b ^ c ^ d, (3 * step + 5) % 16)
      default: (f, word) = (c ^ (b | ~d), (7 * step) % 16)
      }
      let sum = a &+ f &+ sines[step] &+ words[word]
      let shift = shifts[step / 16 * 4 + step % 4]
      (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
  }
}
