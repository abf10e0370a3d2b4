import Bytes

/// JSON of the admin API, composed from plain values.
enum JSONText {
  case null
  case number(Int)
  case fraction(Double)
  case flag(Bool)
  case text(String)
  case list([JSONText])
  case object([String: JSONText])

  var text: String {
    switch self {
    case .null: return "null"
    case .number(let number): return "\(number)"
    case .fraction(let number): return "\(number)"
    case .flag(let flag): return flag ? "true" : "false"
    case .text(let text):
      var escaped = ByteBuffer(capacity: text.utf8.count + 2)
      escaped.append("\"" as StaticString)
      escaped.append(jsonEscaped: text)
      escaped.append("\"" as StaticString)
      return String(copying: escaped.bytes)
    case .list(let items): return "[" + items.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      return "{"
        + members.sorted { $0.key < $1.key }.map { JSONText.text($0.key).text + ":" + $0.value.text }.joined(
          separator: ",") + "}"
    }
  }
}
