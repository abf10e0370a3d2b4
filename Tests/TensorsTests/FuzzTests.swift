import TestSupport
import Testing

@testable import Tensors

/// Files with bits flipped, bytes replaced by hostile numbers, cut and lengthened: each is read or refused, never more.
struct FuzzTests {
  private typealias T = TensorBytes

  private static let seeds: [[UInt8]] = [
    T.npy(T.literal(), T.floats), T.npy(T.literal("<f2", shape: "(4, 3)"), T.floats, version: 2),
    T.npy(T.literal("<i8", shape: "(3,)"), T.floats, version: 3),
    T.safetensors("{\(T.member("x", "F32", [2, 3], 0, 24))}", T.floats),
    T.safetensors(
      "{\(T.member("x", "I8", [2, 4], 8, 16)),\(T.member("x.scale", "F32", [2], 0, 8))}", Array(T.floats.prefix(16))),
    T.safetensors(
      "{\(T.member("i.data", "U8", [8], 16, 24)),\(T.member("i.offsets", "I64", [2], 0, 16))}",
      T.elements([0, 8] as [Int64]) + Array("abcdefgh".utf8)),
  ]

  private static let hostile: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max, .max - 7, 99_999_999,
  ]

  private func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !bytes.isEmpty else { return bytes }
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes[place] = Array("0129{}[](),:'\"-TFL \n".utf8).randomElement(using: &random)!
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &random)))
      case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 8)], at: place)
      default:
        let number = Self.hostile.randomElement(using: &random)!
        // As a binary number, or as digits where a header may have them.
        let written =
          Bool.random(using: &random)
          ? withUnsafeBytes(of: number.littleEndian) { Array($0) } : Array(String(number).utf8)
        bytes.replaceSubrange(place..<min(bytes.count, place + written.count), with: written)
      }
    }
    return bytes
  }

  @Test func `a damaged header is read or refused`() {
    var random = SeededRandom(seed: 11)
    var refused = 0
    let rounds = 30_000
    for round in 0..<rounds {
      let bytes = mutated(Self.seeds[round % Self.seeds.count], &random)
      guard !bytes.isEmpty else { continue }
      do throws(TensorError) {
        let (_, entries) = try TensorFile.read(bytes.span.bytes, "x")
        for entry in entries {
          #expect(
            entry.offset >= 8 && entry.byteCount <= bytes.count - entry.offset, "seed \(random.seed), round \(round)")
        }
      } catch { refused += 1 }
    }
    #expect(refused > rounds / 4 && refused < rounds, "a fuzzer that damages nothing, or everything, shows nothing")
  }

  @Test func `a damaged file is read to its last element or refused`() {
    var random = SeededRandom(seed: 12)
    let folder = TemporaryFolder()
    var read = 0
    for round in 0..<1500 {
      let path = folder.put(mutated(Self.seeds[round % Self.seeds.count], &random), "x")
      guard let file = try? TensorFile(path: path) else { continue }
      for entry in file.entries {
        guard let tensor = try? file.tensor(entry.name) else { continue }
        if let matrix = try? Matrix(tensor) { read += matrix.values.allSatisfy(\.isFinite) ? 1 : 0 }
        if let numbers = try? IntegerMatrix(tensor), numbers.rows > 0, numbers.columns > 0 {
          _ = numbers[numbers.rows - 1, numbers.columns - 1]
        }
      }
      if let ids = try? Identifiers(file) { for row in 0..<min(ids.count, 100) { #expect(!ids[row].isEmpty) } }
    }
    #expect(read > 10, "some survive")
  }
}
