import ArgumentParser
import Glibc
import Logging
import Publishing
import Reactor
import RepositoryServer
import Telemetry
import Trainer

struct TrainerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trainer",
    abstract: "Train again and again, publish what is not worse, and serve the repository over HTTP.",
    discussion: """
      needletail trainer --interactions ratings.csv --events var/data/events --repository var/repository --model films \\
        --listen 127.0.0.1:8090 --every 6h --min-new-events 10000 --worse-than 5% --keep-versions 5

      Gateways pull from it: needletail serve --repository http://127.0.0.1:8090
      /status says what the last runs came to and when the next one is; /metrics is for Prometheus. POST /train or SIGHUP \
      starts a run now. SIGTERM ends within seconds, a training that is under way with it; what is published stays.
      """)

  @Option(help: "As for train: a file or folder of interactions.") var interactions: String
  @Option(help: "Item metadata as CSV or JSON lines.") var items: String?
  @Option(help: "Folder of a gateway's event segments, to learn from and to count; repeatable.") var events: [String] =
    []
  @Option(help: "Repository folder to publish into and to serve; made when it is not there.") var repository: String
  @Option(help: "Name of the model: 1 to 32 of a-z, 0-9 and -.") var model: String
  @Option(help: "Where to serve the repository: host:port, [v6]:port or /path/of.socket.") var listen = "127.0.0.1:8090"
  @Option(help: "Time between two runs, such as 90s, 15m, 6h or 2d.") var every: TimeSpan?
  @Option(help: "Train when so many events have come that no model has learnt from; impressions do not count.")
  var minNewEvents: Int?
  @Option(help: "Time between two runs that events start.") var pause = TimeSpan(seconds: 60)
  @Option(help: "Time between two looks at the event segments.") var look = TimeSpan(seconds: 10)
  @Option(help: "Time after which a training is ended as failed.") var runLimit = TimeSpan(seconds: 86_400)
  @Option(help: "How much worse than the published model a new one may be and still be published.")
  var worseThan = Percentage(share: 0.05)
  @Option(help: "Alias to point to a new version: champion or challenger; none unless given.") var alias: String?
  @Option(help: "Versions to keep beside those that aliases name.") var keepVersions = 10
  @Option(help: "Secret key file to sign versions and aliases with; see keygen.") var sign: String?
  @OptionGroup var password: PasswordOptions
  @Option(help: "File with the token that publishers and POST /train must send as Authorization: Bearer.")
  var tokenFile: String?
  @Flag(help: "Take versions in from anybody on this machine; only where --listen is loopback or a unix socket.")
  var allowLocalWrites = false
  @Option(help: "File with the key of user hashes; default: identity.key in the repository, which is never served.")
  var identityKeyFile: String?
  @Option(help: "Factors per user and item.") var dimensions: Int?
  @Option(help: "Number of user segments; chosen by silhouette unless given.") var segments: Int?
  @Option(help: "Seed of everything random.") var seed: UInt64 = 1
  @Option(help: "Threads of the training; 0 is one a core.") var threads = 0
  @Option(help: "Priority of the training, 0 to 19; 19 leaves the machine to whoever else wants it.") var nice = 10
  @Option(help: "Largest share of rows that may be broken, 0 to 1.") var brokenShareMax: Double?
  @Flag(help: "Search the hyper-parameters in each run.") var tune = false
  @Option(help: "Format of log lines: text or json; by what standard error is unless given.") var logFormat: String?

  func validate() throws {
    guard isName(model) else { throw ValidationError("--model must be 1 to 32 of a-z, 0-9 and -") }
    if let alias, !isName(alias) { throw ValidationError("--alias must be 1 to 32 of a-z, 0-9 and -") }
    guard keepVersions >= 1 else { throw ValidationError("--keep-versions must be at least 1") }
    guard minNewEvents.map({ $0 > 0 }) ?? true else { throw ValidationError("--min-new-events must be at least 1") }
    guard minNewEvents == nil || !events.isEmpty else {
      throw ValidationError("--min-new-events counts the events of --events, of which there are none")
    }
    guard (0...19).contains(nice) else { throw ValidationError("--nice must be within 0...19") }
    guard logFormat.map({ LineLogHandler.Format(word: $0) != nil }) ?? true else {
      throw ValidationError("--log-format must be text or json")
    }
  }

  func run() throws {
    try reporting {
      LineLogHandler.bootstrap(level: .info, format: logFormat.flatMap(LineLogHandler.Format.init(word:)))
      let address = try listenAddress()
      let access = try writeAccess(address)
      try checkSecretKey()
      try makeFolder(ofRepository: repository)
      do { try TrainerService(self, address: address, access: access).run() } catch let error as LoopError {
        let hint = error.code == EADDRINUSE ? ": another process listens there; end it, or listen elsewhere" : ""
        throw CommandFailure(.unavailable, "\(error)\(hint)")
      }
    }
  }

  private func listenAddress() throws -> SocketAddress {
    do { return try SocketAddress(listen) } catch { throw CommandFailure(.usage, "--listen \(listen): \(error)") }
  }

  private func writeAccess(_ address: SocketAddress) throws -> WriteAccess {
    if let tokenFile {
      let token: String
      do { token = try secret(inFile: tokenFile) } catch { throw CommandFailure(.configuration, error.detail) }
      guard token.utf8.count >= 16 else {
        throw CommandFailure(
          .configuration, "the token in \(tokenFile) must have 16 characters or more: openssl rand -hex 16")
      }
      return .token(token)
    }
    guard allowLocalWrites else { return .nobody }
    guard address.isLoopback else {
      throw CommandFailure(
        .configuration, "--allow-local-writes is for loopback and unix sockets; \(address) needs --token-file")
    }
    return .everybody
  }

  /// A run has nobody whom it could ask for a password, and whether key and password fit is better known now than in hours.
  private func checkSecretKey() throws {
    guard let sign else { return }
    do throws(SigningError) {
      if try SecretKeyFile.isEncrypted(sign), password.passwordFile == nil {
        throw SigningError(.wrongPassword, "the secret key \(sign) has a password: name its file with --password-file")
      }
    } catch { throw CommandFailure(error) }
    _ = try password.key(sign)
  }

  /// The arguments of one run.
  var trainArguments: [String] {
    var arguments = [
      "train", "--interactions", interactions, "--out", repository, "--model", model, "--seed", "\(seed)", "--threads",
      "\(threads)", "--worse-than", worseThan.description, "--skip-unchanged", "--keep-versions", "\(keepVersions)",
      "--json", "--progress", "json", "--nice", "\(nice)", "--until-input-ends",
    ]
    func add(_ name: String, _ value: String?) { if let value { arguments += [name, value] } }
    for folder in events { add("--events", folder) }
    add("--items", items)
    add("--alias", alias)
    add("--sign", sign)
    add("--password-file", password.passwordFile)
    add("--identity-key-file", identityKeyFile)
    add("--dimensions", dimensions.map(String.init))
    add("--segments", segments.map(String.init))
    add("--broken-share-max", brokenShareMax.map { "\($0)" })
    if tune { arguments.append("--tune") }
    return arguments
  }
}

extension LineLogHandler.Format {
  init?(word: String) {
    switch word {
    case "text": self = .text
    case "json": self = .json
    default: return nil
    }
  }
}
