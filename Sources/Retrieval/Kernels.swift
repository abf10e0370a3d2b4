internal import CKernels
internal import Glibc

/// The set of SIMD kernels that a search runs on, chosen once per process.
///
/// All sets give the same results bit for bit, so the choice is about speed only. `NEEDLETAIL_KERNELS` (scalar, avx2,
/// avx512 or neon) overrides it for a process; a `SearchScratch` made for another set overrides it for one worker.
public struct Kernels: @unchecked Sendable {
  /// From the reference to the widest.
  public enum Level: String, Sendable, CaseIterable {
    case scalar, avx2, avx512, neon

    var code: nt_level {
      switch self {
      case .scalar: NT_SCALAR
      case .avx2: NT_AVX2
      case .avx512: NT_AVX512VNNI
      case .neon: NT_NEON
      }
    }
  }

  public let level: Level
  /// Static storage of the C module: valid and constant for ever, hence the unchecked Sendable.
  let table: UnsafePointer<nt_kernels>

  /// The kernels of one level; nil where this CPU, or this build, has no such instructions.
  public init?(_ level: Level) {
    guard let table = nt_kernels_at(level.code) else { return nil }
    self.level = level
    self.table = table
  }

  /// Those of the environment variable, else the best that the CPU runs. An unknown or unsupported name in the variable
  /// ends the process: an operator who forces a level wants that level or an error.
  public static let active: Kernels = {
    guard let forced = getenv("NEEDLETAIL_KERNELS").map({ String(cString: $0) }), !forced.isEmpty else { return best }
    guard let level = Level(rawValue: forced), let kernels = Kernels(level) else {
      fatalError(
        "NEEDLETAIL_KERNELS=\(forced): this CPU offers \(available.map(\.level.rawValue).joined(separator: ", "))")
    }
    return kernels
  }()

  /// Every set that this CPU runs, the reference first.
  public static let available: [Kernels] = Level.allCases.compactMap(Kernels.init)

  private static var best: Kernels { available.last! }

  /// The inner product of two rows of equal length. The same bits at every level. O(dimension).
  public func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    precondition(a.count == b.count)
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let first = a.baseAddress, let second = b.baseAddress else { return 0 }
        return dot(first, second, a.count)
      }
    }
  }
}

/// The table's entries as methods; what they promise stands in `kernels.h`.
extension Kernels {
  func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    table.pointee.dot_f32(a, b, count)
  }

  /// Moves the `keep` largest keys to the front, in no order.
  func select(_ keys: UnsafeMutablePointer<UInt64>, _ count: Int, keep: Int, spare: UnsafeMutablePointer<UInt64>) {
    table.pointee.select_keys(keys, count, keep, spare)
  }

  /// The score of the `rank`th largest key. Loses keys.
  func smallest(
    ofBest rank: Int, _ keys: UnsafeMutablePointer<UInt64>, _ count: Int, spare: UnsafeMutablePointer<UInt64>
  ) -> Float {
    select(keys, count, keep: rank, spare: spare)
    return nt_key_score(Retrieval.smallest(keys, rank))
  }

  func largest(_ x: UnsafePointer<Float>, _ count: Int) -> Float { table.pointee.largest_f32(x, count) }

  /// Codes of `x` in steps of the returned scale, at most 127 of them; zero beyond `count` up to `padded`. A vector whose
  /// largest value is below 1e-30 counts as zero: the inverse of a subnormal is infinite.
  func quantize(_ x: UnsafePointer<Float>, _ count: Int, padded: Int, into codes: UnsafeMutablePointer<Int8>) -> Float {
    let scale = codeScale(largest: largest(x, count))
    quantize(x, count, padded: padded, scale: scale, into: codes)
    return scale
  }

  func quantize(
    _ x: UnsafePointer<Float>, _ count: Int, padded: Int, scale: Float, into codes: UnsafeMutablePointer<Int8>
  ) {
    table.pointee.quantize_i8(x, count, scale > 0 ? 1 / scale : 0, codes)
    (codes + count).update(repeating: 0, count: padded - count)
  }
}

/// The value of one code step when 127 steps reach `largest`; zero for what counts as zero.
func codeScale(largest: Float) -> Float { largest < 1e-30 ? 0 : largest / 127 }

/// The smallest of some keys, at least one.
func smallest(_ keys: UnsafePointer<UInt64>, _ count: Int) -> UInt64 {
  var least = keys[0]
  for place in 1..<count { least = min(least, keys[place]) }
  return least
}

/// The sum of a query's codes.
func sum(_ codes: UnsafePointer<Int8>, _ count: Int) -> Int32 {
  var sum: Int32 = 0
  for index in 0..<count { sum += Int32(codes[index]) }
  return sum
}
