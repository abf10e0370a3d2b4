import ArgumentParser

@main
struct NeedletailLoad: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "needletail-load",
    abstract: "Load a Needletail gateway, or another HTTP server, and say honestly how it did.",
    subcommands: [Bench.self])
}
