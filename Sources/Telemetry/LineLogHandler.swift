internal import Bytes
internal import Glibc
public import Logging
internal import Synchronization

/// Writes log lines to standard error: text for people on a terminal, one JSON object a line otherwise.
///
/// Each line is one `write`, so lines of several threads never mix. Logging belongs to the control plane; requests are
/// counted, not logged.
public struct LineLogHandler: LogHandler {
  public enum Format: Sendable { case text, json }

  /// Of all loggers at once, so that a reload reaches those that have been made.
  private static let level = Atomic(Logger.Level.info.number)

  public var logLevel: Logger.Level {
    get { Logger.Level.allCases[LineLogHandler.level.load(ordering: .relaxed)] }
    set { LineLogHandler.setLevel(newValue) }
  }
  public var metadata: Logger.Metadata = [:]
  private let label: String
  private let format: Format

  public init(label: String, format: Format) {
    self.label = label
    self.format = format
  }

  /// Makes every `Logger` write lines: `format` nil picks text when standard error is a terminal.
  public static func bootstrap(level: Logger.Level, format: Format?) {
    let format = format ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    setLevel(level)
    LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format) }
  }

  /// The lowest level that is written from now on, by every logger of the process.
  public static func setLevel(_ level: Logger.Level) { LineLogHandler.level.store(level.number, ordering: .relaxed) }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var line = ByteBuffer(capacity: 256)
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    switch format {
    case .text: composeText(event, fields, into: &line)
    case .json: composeJSON(event, fields, into: &line)
    }
    line.bytes.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let wrote = write(STDERR_FILENO, bytes.baseAddress! + sent, bytes.count - sent)
        if wrote < 0 && errno == EINTR { continue }
        guard wrote > 0 else { return }
        sent += wrote
      }
    }
  }

  private func composeText(
    _ event: LogEvent, _ fields: [(key: String, value: Logger.MetadataValue)], into line: inout ByteBuffer
  ) {
    appendTime(to: &line)
    line.append(" \(event.level.rawValue.uppercased()) \(event.message)")
    for (key, value) in fields { line.append(" \(key)=\(value)") }
    line.append("\n" as StaticString)
  }

  private func composeJSON(
    _ event: LogEvent, _ fields: [(key: String, value: Logger.MetadataValue)], into line: inout ByteBuffer
  ) {
    line.append("{\"time\":\"" as StaticString)
    appendTime(to: &line)
    line.append("\",\"level\":\"\(event.level.rawValue)\",\"logger\":\"\(label)\",\"message\":\"")
    line.append(jsonEscaped: "\(event.message)")
    line.append("\"" as StaticString)
    for (key, value) in fields {
      line.append(",\"" as StaticString)
      line.append(jsonEscaped: key)
      line.append("\":\"" as StaticString)
      line.append(jsonEscaped: "\(value)")
      line.append("\"" as StaticString)
    }
    line.append("}\n" as StaticString)
  }

  /// RFC 3339 in UTC, milliseconds.
  private func appendTime(to line: inout ByteBuffer) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func padded(_ value: Int, _ width: Int) {
      var scale = width == 4 ? 1000 : width == 3 ? 100 : 10
      while scale > 1 && value < scale {
        line.append(UInt8(ascii: "0"))
        scale /= 10
      }
      line.append(decimal: value)
    }
    padded(Int(parts.tm_year) + 1900, 4)
    for (mark, value) in [
      ("-", Int(parts.tm_mon) + 1), ("-", Int(parts.tm_mday)), ("T", Int(parts.tm_hour)), (":", Int(parts.tm_min)),
      (":", Int(parts.tm_sec)),
    ] {
      line.append(mark)
      padded(value, 2)
    }
    line.append("." as StaticString)
    padded(now.tv_nsec / 1_000_000, 3)
    line.append("Z" as StaticString)
  }
}

extension Logger.Level {
  /// Its place in `allCases`, which runs from trace to critical.
  fileprivate var number: Int { Logger.Level.allCases.firstIndex(of: self)! }
}
