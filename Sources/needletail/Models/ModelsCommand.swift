import ArgumentParser

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "See what a running node serves, and tell it what to serve.",
    discussion: """
      needletail models list
      needletail models rollback films
      needletail models pin films 42 --node 10.0.0.7:9090 --token-file admin.token
      """,
    subcommands: [
      List.self, Status.self, Rollback.self, Pin.self, Unpin.self, Promote.self, Activate.self, AbortCanary.self,
      Readmit.self,
    ])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show every model with its versions and their states.")

    @OptionGroup var admin: AdminOptions

    func run() throws {
      try reporting {
        struct Answer: Decodable { let models: [AdminNode.Model] }
        let body = try AdminNode(admin).call("GET", "/admin/v1/models")
        if admin.json { return print(body) }
        let models = try AdminNode.decode(Answer.self, body).models
        if models.isEmpty { print("no model yet") }
        for model in models { show(model) }
      }
    }
  }

  struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show one model.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String

    func run() throws { try reporting { try perform(admin, "GET", model) } }
  }

  struct Rollback: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Serve again what served before, until told otherwise.",
      discussion: "The version stays pinned: newer ones wait until `needletail models unpin`.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String

    func run() throws { try reporting { try perform(admin, "POST", model + ":rollback") } }
  }

  struct Pin: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve this version until told otherwise.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String
    @Argument(help: "Number of the version.") var version: Int

    func run() throws { try reporting { try perform(admin, "POST", model + ":pin", #"{"version":\#(version)}"#) } }
  }

  struct Unpin: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Follow the repository again.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String

    func run() throws { try reporting { try perform(admin, "POST", model + ":unpin") } }
  }

  struct Promote: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make the challenger the champion on this node.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String

    func run() throws { try reporting { try perform(admin, "POST", model + ":promote") } }
  }

  struct Activate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Point an alias of the repository to a version that is READY or SERVING on this node.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String
    @Argument(help: "Number of the version.") var version: Int
    @Option(help: "champion serves; challenger is tried beside it.") var alias = "champion"

    func run() throws {
      try reporting { try perform(admin, "PUT", "\(model)/aliases/\(alias)", #"{"version":\#(version)}"#) }
    }
  }
}

/// Makes a call about one model and shows how it stands then.
func perform(_ options: AdminOptions, _ method: String, _ path: String, _ body: String = "") throws {
  let name = path.prefix { $0 != ":" && $0 != "/" }
  guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
    throw CommandFailure(.usage, "\"\(name)\" is not the name of a model: use 1 to 32 of a-z, 0-9 and -")
  }
  let answer = try AdminNode(options).call(method, "/admin/v1/models/" + path, body)
  if options.json { return print(answer) }
  show(try AdminNode.decode(AdminNode.Model.self, answer))
}

private func show(_ model: AdminNode.Model) {
  let serving = model.serving.map { "serves version \($0)" } ?? "serves nothing"
  let pinned = model.pinned.map { ", pinned to \($0)" } ?? ""
  let previous = model.previous.map { ", a rollback leads to \($0)" } ?? ""
  print("\(model.name) \(serving)\(pinned)\(previous)")
  if let canary = model.canary { print(canary.summary) }
  for version in model.versions.reversed() {
    var line = "  \(version.version)  \(version.state)"
    if let progress = version.progress, progress > 0, progress < 1 { line += " \(Int(progress * 100)) %" }
    if let reason = version.reason { line += "  \(reason): \(version.detail)" }
    print(line)
  }
}
