public import Configuration

/// How this process was started, as far as that is more than its settings. The default is "by nobody in particular".
public struct Launch: Sendable {
  /// Where the configuration comes from, to read it again; without one SIGHUP finds nothing to read.
  public var source: ConfigurationSource?
  /// Takes the listening sockets over from the gateway that serves from the same data folder, if there is one.
  public var takesOver = false
  /// Of the process: what a service manager says is in there (LISTEN_FDS, NOTIFY_SOCKET, WATCHDOG_USEC).
  public var environment: [String: String] = [:]

  public init() {}
}

/// A configuration and how to read its file again: variables and flags of a process stay what they were.
public struct ConfigurationSource: Sendable {
  public let configuration: Configuration
  public let read: @Sendable () throws(ConfigurationError) -> Configuration

  public init(
    _ configuration: Configuration, read: @escaping @Sendable () throws(ConfigurationError) -> Configuration
  ) {
    self.configuration = configuration
    self.read = read
  }
}
