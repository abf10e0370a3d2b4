import Bytes
import Glibc

extension KeyTrace {
  /// Traces that always run, from a seed: each is one thing that tells eviction policies apart.
  public enum Synthetic: String, Sendable, CaseIterable {
    /// Independent draws: what is popular stays so.
    case zipf
    /// The popular keys move on: every minute a twentieth of the ranks goes to other keys, as on a news page.
    case churn
    /// Zipf, and for a tenth of the time a crawler that asks for each key once.
    case scan
    /// A repository swap: every five minutes each key gets a new name, as a new snapshot's digest does.
    case swaps

    public var sentence: String {
      switch self {
      case .zipf: "Zipf 0.9 over all keys"
      case .churn: "Zipf 0.9, a twentieth of the ranks changes keys each minute"
      case .scan: "Zipf 0.9, and every tenth access from a walk over keys asked for once"
      case .swaps: "Zipf 0.9, all keys renamed every five minutes"
      }
    }
  }

  /// Half of the accesses are to windows (some 250 bytes), half to lists (some 15 KB), as a gateway's are.
  /// - Parameters:
  ///   - keys: users, each with a window and a list.
  ///   - accessesPerSecond: of one worker.
  public static func synthetic(
    _ kind: Synthetic, keys: Int, accesses: Int, accessesPerSecond: Int = 1000, seed: UInt64
  ) -> KeyTrace {
    var trace = KeyTrace()
    var random = WorkerRandom(seed: seed)
    let zipf = ZipfTable(count: keys, exponent: 0.9)
    var subjectOfRank = Array(0..<keys)
    var walked = 0
    var minute = 0
    for place in stride(from: 0, to: accesses, by: 2) {
      let time = Double(place) / Double(accessesPerSecond)
      if kind == .churn, Int(time / 60) > minute {
        minute += 1
        for _ in 0..<keys / 40 {
          subjectOfRank.swapAt(Int.random(in: 0..<keys, using: &random), Int.random(in: 0..<keys, using: &random))
        }
      }
      var subject = "\(subjectOfRank[zipf.rank(&random)])"
      if kind == .scan && place % 20 == 0 {
        subject = "walked-\(walked)"
        walked += 1
      }
      let digest = kind == .swaps ? Int(time / 300) : 0
      let size = xxh3(subject.utf8.span.bytes)
      trace.append(seconds: time, key: "nt1:shop:w:\(subject)", bytes: 50 + Int(size % 400))
      trace.append(seconds: time, key: "nt1:shop:m:\(digest):home:u\(subject):*:-", bytes: 10_000 + Int(size % 10_000))
    }
    return trace
  }
}

/// Ranks by Zipf's law, drawn by search in the sums of their weights.
struct ZipfTable {
  private let sums: [Double]

  init(count: Int, exponent: Double) {
    precondition(count > 0)
    var sum = 0.0
    sums = (1...count).map { rank in
      sum += pow(Double(rank), -exponent)
      return sum
    }
  }

  /// A rank from 0, the most frequent. O(log count).
  func rank(_ random: inout some RandomNumberGenerator) -> Int {
    let wanted = Double.random(in: 0..<sums.last!, using: &random)
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
