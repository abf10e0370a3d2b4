import ArgumentParser

@main
struct Needletail: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "needletail", abstract: "The recommendation edge.")
}
