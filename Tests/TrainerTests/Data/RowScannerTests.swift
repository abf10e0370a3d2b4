import Bytes
import Testing

@testable import Trainer

struct RowScannerTests {
  private func rows(_ text: String, _ delimiter: Delimiter = .comma) -> [String] {
    let bytes = Array(text.utf8)
    var scanner = RowScanner(bytes.span.bytes, delimiter: delimiter)
    var rows: [String] = []
    while true {
      switch scanner.next() {
      case .end: return rows
      case .broken(let reason): rows.append("\(scanner.line) broken: \(reason)")
      case .row:
        rows.append("\(scanner.line) " + scanner.fields.indices.map { "<\(scanner.text($0))>" }.joined())
      }
    }
  }

  @Test func `fields lie between delimiters, and a last newline adds no row`() {
    #expect(rows("a,b\nc,d\n") == ["1 <a><b>", "2 <c><d>"])
    #expect(rows("a,b\nc,d") == ["1 <a><b>", "2 <c><d>"])
    #expect(rows("a,,\n,,b") == ["1 <a><><>", "2 <><><b>"])
  }

  @Test func `a byte order mark, CRLF and empty lines are no content`() {
    #expect(rows("\u{FEFF}a,b\r\n\r\nc,d\r\n") == ["1 <a><b>", "3 <c><d>"])
  }

  @Test func `quotes hide delimiters and newlines, and two stand for one`() {
    #expect(rows("1,\"Matrix, The\"\n2,\"a \"\"b\"\"\"\n") == ["1 <1><Matrix, The>", "2 <2><a \"b\">"])
    #expect(rows("1,\"two\nlines\"\n2,x") == ["1 <1><two\nlines>", "3 <2><x>"])
    #expect(rows("\"\",\"\"\r\n\"a\"") == ["1 <><>", "2 <a>"])
  }

  @Test func `a quote inside a plain field is a letter`() {
    #expect(rows("5\" disc,b") == ["1 <5\" disc><b>"])
  }

  @Test func `a quote that never closes breaks its own row only`() {
    #expect(rows("1,\"open\n2,b\n3,c") == ["1 broken: a quote opens and never closes", "2 <2><b>", "3 <3><c>"])
  }

  @Test func `text after a closing quote breaks the row`() {
    #expect(rows("\"a\"b,c\nd,e") == ["1 broken: text follows a closing quote", "2 <d><e>"])
  }

  @Test func `blanks around a plain field are not part of it`() {
    #expect(rows(" a , b\t\n") == ["1 <a><b>"])
    #expect(rows("\" a \",b") == ["1 < a ><b>"])
  }

  @Test func `MovieLens' double colon is one delimiter and a single colon a letter`() {
    #expect(rows("1::Star: Wars::x\n", .doubleColon) == ["1 <1><Star: Wars><x>"])
  }

  @Test func `bytes that are not UTF-8 are read as Latin-1`() {
    let bytes: [UInt8] = [0x43, 0x61, 0x66, 0xE9, 0x2C, 0x31]
    var scanner = RowScanner(bytes.span.bytes, delimiter: .comma)
    let outcome = scanner.next()
    let text = scanner.text(0)
    #expect(outcome == .row)
    #expect(text == "Café")
  }
}
