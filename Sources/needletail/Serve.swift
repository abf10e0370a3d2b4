import ArgumentParser
import Configuration
import Gateway
import Logging
import Telemetry

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer recommendation requests.",
    discussion: """
      needletail serve --repository var/repository --memcached 127.0.0.1:11211
      needletail serve --config Config/needletail.yaml

      SIGTERM or Ctrl-C drains: answers in flight finish, then the process ends. A second one ends it at once.
      """)

  @OptionGroup var options: ConfigurationOptions

  func run() throws {
    try reporting {
      let settings = try options.settings()
      startLogging(settings)
      try serving { try makeServer(settings).run() }
    }
  }
}

/// Opens a server; what keeps it from starting is told in a sentence.
func makeServer(_ settings: Settings) throws -> Server {
  try serving { try Server(settings) }
}

/// Turns what keeps a gateway from serving into the end of the command.
func serving<Result>(_ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let failure as CommandFailure { throw failure } catch let error as ServerError {
    throw CommandFailure(error.fault.code, "the gateway cannot start: \(error)")
  } catch {
    throw CommandFailure(.unavailable, "the gateway cannot start: \(error)")
  }
}

extension ServerError.Fault {
  var code: CommandFailure.Code {
    switch self {
    case .configuration: .configuration
    case .unavailable: .unavailable
    case .cannotWrite: .cannotWrite
    }
  }
}

func startLogging(_ settings: Settings) {
  let format: LineLogHandler.Format? =
    switch settings.logFormat {
    case "text": .text
    case "json": .json
    default: nil
    }
  LineLogHandler.bootstrap(level: Logger.Level(rawValue: settings.logLevel) ?? .info, format: format)
}
