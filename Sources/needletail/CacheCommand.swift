import ArgumentParser
import Bytes
import FoundationEssentials
import Gateway
import Trainer

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Size the first cache and compare how it evicts.", subcommands: [Replay.self])

  /// Here and not in the load kit: it replays the very cache that serves, and whoever sets `cache.l1.bytes` has this
  /// program at hand.
  struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Replay which keys were asked for, against several eviction policies and cache sizes.",
      discussion: """
        needletail-load run … --record-keys keys.trace && needletail cache replay keys.trace --bytes 64MiB
        needletail cache replay --interactions ml-latest-small
        needletail cache replay --synthetic churn

        A trace has one access a line: 'seconds key bytes'. Every policy counts an entry's bytes alike. "unbounded" is what \
        first accesses and expiry leave to any policy.
        """)

    @Argument(help: "Trace file.") var trace: String?
    @Option(help: "Make the trace from interactions instead: each is a visit to the user's and the item's page.")
    var interactions: String?
    @Option(
      help: "Make the trace up instead: zipf, churn, scan or swaps.",
      transform: { text in
        guard let kind = KeyTrace.Synthetic(rawValue: text) else {
          throw ValidationError("there is no \"\(text)\": zipf, churn, scan or swaps")
        }
        return kind
      }) var synthetic: KeyTrace.Synthetic?
    @Option(help: "Bytes of one worker's cache, as 64MiB; repeatable. Default: 2, 10 and 30 % of all there is.")
    var bytes: [String] = []
    @Option(help: "Seconds that a value is fresh.") var fresh: UInt32 = 60
    @Option(help: "Seconds that it is served stale after that.") var stale: UInt32 = 300
    @Option(help: "Page views a second that interactions are sped up to.") var rate: Double = 200
    @Option(help: "Keys of a made-up trace.") var keys = 20_000
    @Option(help: "Accesses of a made-up trace.") var accesses = 1_000_000
    @Option(help: "Seed of a made-up trace.") var seed: UInt64 = 1
    @Option(help: "Write the trace here as well.") var out: String?
    @Flag(help: "Print one JSON object a row.") var json = false

    func validate() throws {
      guard [trace != nil, interactions != nil, synthetic != nil].count(where: \.self) == 1 else {
        throw ValidationError("give a trace file, --interactions or --synthetic")
      }
      guard keys > 0, accesses > 0, rate > 0, fresh > 0 else {
        throw ValidationError("--keys, --accesses, --rate and --fresh must be above 0")
      }
    }

    func run() throws {
      try reporting {
        let trace = try read()
        guard trace.count > 0 else { throw CommandFailure(.data, "the trace holds no accesses") }
        if let out {
          do { try Data(trace.text.utf8).write(to: URL(filePath: out)) } catch {
            throw CommandFailure(.cannotWrite, "\(out) cannot be written; is there such a folder?")
          }
        }
        let replay = CacheReplay(trace, freshSeconds: fresh, staleSeconds: stale)
        let sizes = try sizes(replay)
        if !json { print(head(trace)) }
        for size in sizes {
          if !json { print("\n\(text(bytes: size)) a worker, \(percent(Double(size) / Double(trace.footprintBytes))) of all") }
          for policy in CacheReplay.Policy.allCases {
            let result = replay.run(policy, bytesMax: size)
            print(json ? object(result, size) : row(result))
          }
        }
      }
    }

    private func read() throws -> KeyTrace {
      if let synthetic { return .synthetic(synthetic, keys: keys, accesses: accesses, seed: seed) }
      if let interactions { return try visits(interactions) }
      guard let trace, let bytes = try? Data(contentsOf: URL(filePath: trace)) else {
        throw CommandFailure(.noInput, "\(trace ?? "") cannot be read; is there such a file?")
      }
      do throws(KeyTrace.Fault) { return try KeyTrace(text: String(decoding: bytes, as: UTF8.self)) } catch {
        throw CommandFailure(.data, "\(trace): \(error)")
      }
    }

    /// Each interaction as the page view that it came from: the user's window and list for the front page, then the item's
    /// list. In the order of their times, which are sped up to a steady rate of a whole fleet's worker.
    private func visits(_ path: String) throws -> KeyTrace {
      let dataset: Dataset
      do { dataset = try Dataset.read(DatasetOptions(interactions: path, identity: .random())) } catch {
        throw CommandFailure(error.exitCode, error.description)
      }
      let log = dataset.log
      guard let span = log.timeSpan, span.count > 1 else {
        throw CommandFailure(.data, "\(path) has no times: the order of accesses is all that a cache can tell")
      }
      let speed = Double(log.count) / rate / Double(span.count)
      var trace = KeyTrace()
      for row in 0..<log.count {
        let time = Double(log.times[row] - span.lowerBound) * speed
        trace.append(seconds: time, key: "w:\(log.users[row])", bytes: 250)
        trace.append(seconds: time, key: "home:u\(log.users[row])", bytes: 15_000)
        trace.append(seconds: time, key: "detail:i\(log.items[row])", bytes: 15_000)
      }
      return trace
    }

    private func sizes(_ replay: CacheReplay) throws -> [Int] {
      guard !bytes.isEmpty else {
        let all = [0.02, 0.1, 0.3].map { max(Int(Double(replay.trace.footprintBytes) * $0), replay.bytesMin) }
        return Array(Set(all)).sorted()
      }
      return try bytes.map { text in
        guard let size = byteCount(text), size > 0 else {
          throw CommandFailure(.usage, "\"\(text)\" is no number of bytes; write 64MiB, 512KiB or 1000000")
        }
        return size
      }
    }

    // MARK: Output

    private func head(_ trace: KeyTrace) -> String {
      "\(trace.count) accesses to \(trace.keyCount) keys in \(trace.seconds.last ?? 0) s; all of them take "
        + "\(text(bytes: trace.footprintBytes)); fresh \(fresh) s, stale \(stale) s"
    }

    private func row(_ result: CacheReplay.Result) -> String {
      let name = result.policy.rawValue
      return "  \(name)\(String(repeating: " ", count: max(1, 20 - name.count)))hits \(percent(result.hitRatio))"
        + "  of them stale \(percent(result.staleRatio))  evictions \(result.evictions)  peak \(text(bytes: result.bytesPeak))"
    }

    private func object(_ result: CacheReplay.Result, _ size: Int) -> String {
      #"{"schemaVersion":1,"policy":"\#(result.policy)","bytes":\#(size),"accesses":\#(result.accesses),"#
        + #""fresh":\#(result.fresh),"stale":\#(result.stale),"evictions":\#(result.evictions),"peakBytes":\#(result.bytesPeak)}"#
    }
  }
}

/// `64MiB`, `512KiB`, `2GiB`, `1000000`; nil for anything else.
func byteCount(_ text: String) -> Int? {
  for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30)] where text.hasSuffix(unit) {
    guard let number = Int(text.dropLast(3)), number <= 1 << 20 else { return nil }
    return number << shift
  }
  return Int(text)
}

private func text(bytes: Int) -> String {
  bytes >= 10 << 20 ? "\(bytes >> 20) MiB" : bytes >= 10 << 10 ? "\(bytes >> 10) KiB" : "\(bytes) B"
}

/// With two decimals.
private func percent(_ share: Double) -> String {
  let hundredths = Int((share * 10_000).rounded())
  return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
}
