import ArgumentParser
import Configuration
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Reactor
import Telemetry

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer recommendation requests.",
    discussion: """
      needletail serve --repository var/repository --memcached 127.0.0.1:11211
      needletail serve --config Config/needletail.yaml

      SIGTERM or Ctrl-C drains: answers in flight finish, then the process ends. A second one ends it at once.
      SIGHUP reads the configuration again; a file with a mistake changes nothing.

      needletail serve --config Config/needletail.yaml --take-over

      A hot restart: the gateway that serves from the same dataDir hands its listening sockets over, and ends when this \
      one serves. If this one fails before, that one goes on.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Take the listening sockets over from the gateway that serves from the same dataDir, if there is one.")
  var takeOver = false

  func run() throws {
    try reporting {
      let source = try options.source()
      let settings = try options.settings(source.configuration)
      startLogging(settings)
      var launch = Launch()
      launch.source = source
      launch.takesOver = takeOver
      launch.environment = ProcessInfo.processInfo.environment
      try serving { try makeServer(settings, launch).run() }
    }
  }
}

/// Opens a server; what keeps it from starting is told in a sentence.
func makeServer(_ settings: Settings, _ launch: Launch = Launch()) throws -> Server {
  try serving { try Server(settings, launch) }
}

/// Turns what keeps a gateway from serving into the end of the command.
func serving<Result>(_ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let failure as CommandFailure { throw failure } catch let error as ServerError {
    throw CommandFailure(error.fault.code, "the gateway cannot start: \(error)")
  } catch let error as LoopError where error.code == EADDRINUSE {
    throw CommandFailure(.unavailable, "\(error): another process listens there; end it, or listen elsewhere")
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
