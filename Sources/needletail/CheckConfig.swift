import ArgumentParser
import Configuration
import Gateway

struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config", abstract: "Read the configuration as `serve` would and say what is wrong with it.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try reporting {
      let settings = try options.settings()
      // What only reading the addresses, filters, nodes and files can tell.
      do { _ = try ServingPlan(settings) } catch { throw CommandFailure(.configuration, "\(error)") }
      print(json ? #"{"schemaVersion":1,"valid":true}"# : "The configuration is valid.")
    }
  }
}
