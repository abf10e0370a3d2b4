import ArgumentParser
import Configuration
import FoundationEssentials
import Gateway

/// The flags that every command with a configuration takes. What they do stands in the table of keys.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: .customLong("config"), help: "Configuration file; Config/needletail.yaml shows every key.")
  var file: String?

  @Option(help: "Public address: host:port or a socket path.") var listen: String?
  @Option(help: "Address of metrics and the admin API.") var adminListen: String?
  @Option(help: "Where snapshots are published: a folder, http(s)://host/path or s3://bucket/prefix.") var repository: String?
  @Option(help: "Model to serve when the repository has several.") var model: String?
  @Option(help: "A memcached node as host:port[:weight] or a socket path; repeatable; none for no L2.")
  var memcached: [String] = []
  @Option(help: "Worker threads; 0 is one a core.") var workers: String?
  @Option(help: "Folder for pulled snapshots and events.") var dataDir: String?
  @Flag(help: "Add /echo, which answers with what was parsed. For conformance tests only.") var echo = false

  /// Everything that was configured, and how to read it again; problems end the command with EX_CONFIG.
  func source() throws -> ConfigurationSource {
    let environment = ProcessInfo.processInfo.environment
    let (path, flags) = (file ?? environment["NEEDLETAIL_CONFIG"], flags)
    let read: @Sendable () throws(ConfigurationError) -> Configuration = { () throws(ConfigurationError) in
      try Configuration(file: path, environment: environment, flags: flags)
    }
    do { return ConfigurationSource(try read(), read: read) } catch {
      throw CommandFailure(.configuration, "\(error)")
    }
  }

  func settings() throws -> Settings { try settings(source().configuration) }

  func settings(_ configuration: Configuration) throws -> Settings {
    do { return try Settings(configuration) } catch {
      throw CommandFailure(.configuration, "\(error)")
    }
  }

  private var flags: [String: [String]] {
    var flags: [String: [String]] = [:]
    flags["listen"] = listen.map { [$0] }
    flags["admin.listen"] = adminListen.map { [$0] }
    flags["repository"] = repository.map { [$0] }
    flags["model"] = model.map { [$0] }
    flags["workers"] = workers.map { [$0] }
    flags["dataDir"] = dataDir.map { [$0] }
    if !memcached.isEmpty { flags["memcached.servers"] = memcached }
    if echo { flags["echo"] = ["true"] }
    return flags
  }
}
