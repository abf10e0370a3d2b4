import FoundationEssentials
public import Glibc

/// The built `needletail`, run to its end.
public enum Command {
  /// Beside the test's own executable.
  public static let executable: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(filePath: own).deletingLastPathComponent().path + "/needletail"
  }()

  public static var isBuilt: Bool { access(executable, X_OK) == 0 }

  public struct Result: Sendable {
    /// 128 + n when a signal ended it.
    public let code: Int32
    public let output: String
    public let errors: String

    public var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Every line of the output as an object of the given kind.
    public func decoded<T: Decodable>(_ type: T.Type = T.self) throws -> [T] {
      try lines.map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
  }

  public static func run(_ arguments: String...) -> Result { run(arguments) }

  public static func run(_ arguments: [String]) -> Result { start(arguments).wait() }

  /// Runs it as somebody does who has gone into a folder.
  public static func run(in workingFolder: String, _ arguments: String...) -> Result {
    start(arguments, in: workingFolder).wait()
  }

  /// Starts it and does not wait for its end.
  public static func start(_ arguments: [String], in workingFolder: String? = nil) -> Running {
    let folder = TemporaryFolder()
    // By a shell: posix_spawn's own way to another folder is not in Swift's Glibc.
    let shell = workingFolder.map { ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, $0] } ?? []
    let words = shell + [executable] + arguments
    var pointers = words.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, name) in [(STDOUT_FILENO, "output"), (STDERR_FILENO, "errors")] {
      posix_spawn_file_actions_addopen(&actions, descriptor, folder.file(name), O_WRONLY | O_CREAT, 0o600)
    }
    var process: pid_t = 0
    precondition(posix_spawn(&process, words[0], &actions, nil, &pointers, environ) == 0)
    return Running(process: process, folder: folder)
  }

  /// One that runs.
  public final class Running {
    public let process: pid_t
    private let folder: TemporaryFolder

    fileprivate init(process: pid_t, folder: TemporaryFolder) {
      (self.process, self.folder) = (process, folder)
    }

    /// SIGKILL: it does nothing any more after this.
    public func kill() { Glibc.kill(process, SIGKILL) }

    /// Waits for its end. To be called once.
    public func wait() -> Result {
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0, errno == EINTR {}
      func text(_ name: String) -> String {
        (try? Data(contentsOf: URL(filePath: folder.file(name)))).map { String(decoding: $0, as: UTF8.self) } ?? ""
      }
      return Result(
        code: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F), output: text("output"),
        errors: text("errors"))
    }
  }
}
