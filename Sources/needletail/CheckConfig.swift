import ArgumentParser
import Configuration
import FoundationEssentials
import Memcached

struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config", abstract: "Read the configuration as `serve` would and say what is wrong with it.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try reporting {
      let settings = try options.settings()
      try check(settings)
      print(json ? #"{"schemaVersion":1,"valid":true}"# : "The configuration is valid.")
    }
  }

  /// What only opening the files and reading the addresses can tell.
  private func check(_ settings: Settings) throws {
    for path in [settings.adminTokenFile, settings.identityKeyFile].compactMap({ $0 })
    where !FileManager.default.isReadableFile(atPath: path) {
      throw CommandFailure(.configuration, "\(path) cannot be read")
    }
    do {
      let nodes = try settings.memcachedServers.map { try NodeAddress(parsing: $0) }
      if !nodes.isEmpty { _ = try Ring(nodes: nodes) }
    } catch {
      throw CommandFailure(.configuration, "memcached.servers: \(error)")
    }
  }
}
