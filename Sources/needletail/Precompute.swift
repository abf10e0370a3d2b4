import ArgumentParser
import Configuration
import Gateway
import Trainer

struct Precompute: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write every segment's list of the current snapshot to memcached.",
    discussion: "needletail precompute --repository var/repository --memcached 127.0.0.1:11211")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try reporting {
      let settings = try options.settings()
      let counts = try precompute(settings)
      if json {
        print(
          #"{"schemaVersion":1,"written":\#(counts.written),"present":\#(counts.present),"failed":\#(counts.failed),"left":\#(counts.left),"bytes":\#(counts.bytes)}"#
        )
      } else {
        print("\(counts.written) lists written, \(counts.bytes) bytes; \(counts.failed) failed, \(counts.left) left")
      }
      if counts.failed + counts.left > 0 {
        throw CommandFailure(.unavailable, "not every list could be written; are all memcached nodes up?")
      }
    }
  }
}

/// Fills memcached for every model that the settings serve.
func precompute(_ settings: Settings) throws -> WarmCounts {
  guard !settings.memcachedServers.isEmpty else {
    throw CommandFailure(.configuration, "no memcached is configured: give --memcached host:port")
  }
  let printer = ProgressPrinter()
  defer { printer.finish() }
  do {
    return try Warmer.precompute(settings) { done, total in
      printer.show(TrainProgress(.precomputing, done, of: total, "lists"))
    }
  } catch {
    throw CommandFailure(.data, "\(error)")
  }
}
