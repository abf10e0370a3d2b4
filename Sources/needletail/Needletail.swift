import ArgumentParser

@main
struct Needletail: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "needletail",
    abstract: "The recommendation edge: answers what a person should see next.",
    discussion: """
      needletail train --interactions ratings.csv --out var/repository --model films
      needletail serve --repository var/repository --memcached 127.0.0.1:11211
      needletail query --user 42
      """,
    version: Version.text,
    subcommands: [
      Serve.self, Quickstart.self, Train.self, TrainerCommand.self, Evaluate.self, Precompute.self,
      SnapshotCommand.self, Publish.self, KeyGeneration.self, Sign.self, VerifySignature.self, ModelsCommand.self,
      Query.self, IndexCommand.self, CacheCommand.self,
      CheckConfig.self, VersionCommand.self,
    ])
}

enum Version {
  static let text = "0.1.0"
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  @Flag(help: "Print one JSON object.") var json = false

  func run() {
    print(json ? #"{"schemaVersion":1,"version":"\#(Version.text)"}"# : Version.text)
  }
}
