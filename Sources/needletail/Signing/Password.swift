import ArgumentParser
import Bytes
import Glibc
import Publishing

/// Where the password of a secret key comes from. Never the command line, which every process of the machine can read.
struct PasswordOptions: ParsableArguments {
  @Option(help: "File whose first line is the key's password; otherwise it is asked for, or read from standard input.")
  var passwordFile: String?

  /// Reads a secret key, with its password if it has one.
  func key(_ path: String) throws -> SigningKey {
    if SecretKeyFile.isExposed(path) {
      printError("warning: others than its owner may read the secret key \(path): chmod 600 \(path)")
    }
    do throws(SigningError) {
      return try SecretKeyFile.read(path) { () throws(SigningError) in
        do { return try password("Password of \(path): ") } catch {
          throw SigningError(.cannotRead, "\(error)")
        }
      }
    } catch { throw CommandFailure(error) }
  }

  /// A password for a new key, asked for twice on a terminal.
  func newPassword() throws -> [UInt8] {
    let first = try password("Password of the new key: ")
    guard !first.isEmpty else { throw CommandFailure(.usage, "the password is empty; --no-password goes without one") }
    guard passwordFile == nil, isatty(STDIN_FILENO) == 1 else { return first }
    guard try password("The same again: ") == first else { throw CommandFailure(.usage, "the two passwords differ") }
    return first
  }

  private func password(_ prompt: String) throws -> [UInt8] {
    if let passwordFile {
      let descriptor = open(passwordFile, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw CommandFailure(.noInput, "the password file \(passwordFile) cannot be read") }
      defer { close(descriptor) }
      return try Password.line(of: descriptor)
    }
    return isatty(STDIN_FILENO) == 1 ? try Password.ask(prompt) : try Password.line(of: STDIN_FILENO)
  }
}

/// One line that nobody may see.
enum Password {
  /// minisign's own limit.
  static let bytesMax = 1024

  /// The first line of a file. Byte by byte: what follows is for whoever reads on.
  static func line(of descriptor: Int32) throws -> [UInt8] {
    var line: [UInt8] = []
    while let byte = next(descriptor), byte != UInt8(ascii: "\n") { try append(byte, to: &line) }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line
  }

  /// Asks on the terminal and shows nothing of what is typed. Signals are read as characters meanwhile, so that Ctrl-C
  /// does not leave a terminal without echo behind.
  static func ask(_ prompt: String) throws -> [UInt8] {
    var before = termios()
    guard tcgetattr(STDIN_FILENO, &before) == 0 else { return try line(of: STDIN_FILENO) }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
      _ = write(STDERR_FILENO, "\n", 1)
    }
    _ = write(STDERR_FILENO, prompt, prompt.utf8.count)
    var line: [UInt8] = []
    while let byte = next(STDIN_FILENO) {
      switch byte {
      case 10, 13, 4: return line
      case 3, 26, 28: throw CommandFailure(.other, "no password was given")
      case 8, 127:
        // A whole character, however many bytes it has.
        while let last = line.popLast(), last & 0xC0 == 0x80 {}
      case 21: line = []
      default: try append(byte, to: &line)
      }
    }
    return line
  }

  private static func append(_ byte: UInt8, to line: inout [UInt8]) throws {
    guard line.count < bytesMax else { throw CommandFailure(.usage, "the password has more than \(bytesMax) bytes") }
    line.append(byte)
  }

  private static func next(_ descriptor: Int32) -> UInt8? {
    var byte: UInt8 = 0
    var count = 0
    repeat { count = read(descriptor, &byte, 1) } while count < 0 && errno == EINTR
    return count == 1 ? byte : nil
  }
}

extension CommandFailure {
  init(_ error: SigningError) {
    let code: Code =
      switch error.cause {
      case .cannotRead: .noInput
      case .cannotWrite: .cannotWrite
      case .malformed: .data
      case .wrongPassword: .notAllowed
      case .notEnoughMemory: .other
      }
    self.init(code, error.description)
  }
}
