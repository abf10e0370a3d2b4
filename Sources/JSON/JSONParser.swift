internal import CSIMDJSON

/// Parses JSON with simdjson: one parser a worker, whose memory grows to the largest document met and is kept.
///
/// A value points into the parser's last document: it is valid until the next `parse`, and as long as the parser is.
public final class JSONParser {
  /// Deepest nesting. What is sent to a gateway is flat; a document of brackets alone must not be able to cost more.
  public static let depthMax = 32

  private let parser: OpaquePointer

  /// `maximumBytes`: a longer document is refused unread.
  public init(maximumBytes: Int) {
    guard let parser = nt_json_parser_make(maximumBytes, JSONParser.depthMax) else {
      fatalError("no memory for a JSON parser of \(maximumBytes) bytes")
    }
    self.parser = parser
  }

  deinit { nt_json_parser_free(parser) }

  /// Parses one document (RFC 8259). The bytes are copied. O(bytes).
  public func parse(_ bytes: RawSpan) throws(JSONError) -> JSONValue {
    var root = nt_json_element()
    let code = bytes.withUnsafeBytes { bytes in
      nt_json_parse(parser, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &root)
    }
    guard code == 0 else { throw JSONError(code: code) }
    return JSONValue(root)
  }
}

/// Why some bytes are no JSON document: the sender's fault.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// simdjson's error code.
  public let code: Int32

  public var description: String { String(cString: nt_json_error(code)) }
}

public enum JSONKind: Sendable, Equatable { case null, bool, number, string, array, object }

/// A place in a parsed document. What it is not, it answers with nil or 0.
public struct JSONValue {
  private let element: nt_json_element

  init(_ element: nt_json_element) { self.element = element }

  public var kind: JSONKind {
    switch Int(nt_json_kind(element)) {
    case nt_json_null: .null
    case nt_json_bool: .bool
    case nt_json_string: .string
    case nt_json_array: .array
    case nt_json_object: .object
    default: .number
    }
  }

  public var bool: Bool? {
    var value: Int32 = 0
    return nt_json_bool_value(element, &value) != 0 ? value != 0 : nil
  }

  /// A number without a fraction that fits.
  public var int64: Int64? {
    var value: Int64 = 0
    return nt_json_int64(element, &value) != 0 ? value : nil
  }

  public var double: Double? {
    var value = 0.0
    return nt_json_double(element, &value) != 0 ? value : nil
  }

  /// The text of a string, unescaped, UTF-8. Valid until the parser's next document.
  public var string: RawSpan? {
    @_lifetime(borrow self)
    borrowing get {
      var bytes: UnsafePointer<CChar>?
      var count = 0
      guard nt_json_text(element, &bytes, &count) != 0, let bytes else { return nil }
      return _overrideLifetime(RawSpan(_unsafeStart: UnsafeRawPointer(bytes), byteCount: count), borrowing: self)
    }
  }

  /// Elements of an array, members of an object. O(elements).
  public var count: Int { nt_json_count(element) }

  /// The first elements of an array, at most `max`. O(elements), where the subscript in a loop is the square of that.
  public func elements(max: Int) -> [JSONValue] {
    let elements = [nt_json_element](unsafeUninitializedCapacity: max) { room, count in
      count = nt_json_elements(element, room.baseAddress, max)
    }
    return elements.map { JSONValue($0) }
  }

  /// The element of an array, or the value of a member of an object, at a place below `count`. O(place).
  public subscript(_ place: Int) -> JSONValue {
    var value = nt_json_element()
    var name: UnsafePointer<CChar>?
    var nameCount = 0
    precondition(nt_json_at(element, place, &value, &name, &nameCount) != 0, "there is no element \(place)")
    return JSONValue(value)
  }

  /// The name of a member of an object at a place below `count`. O(place).
  public func name(_ place: Int) -> String {
    var value = nt_json_element()
    var name: UnsafePointer<CChar>?
    var nameCount = 0
    precondition(nt_json_at(element, place, &value, &name, &nameCount) != 0, "there is no member \(place)")
    return String(decoding: UnsafeRawBufferPointer(start: name, count: nameCount), as: UTF8.self)
  }

  /// The value of the first member of this name. O(members).
  public subscript(_ name: StaticString) -> JSONValue? {
    var value = nt_json_element()
    let found = nt_json_member(
      element, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), name.utf8CodeUnitCount, &value)
    return found != 0 ? JSONValue(value) : nil
  }
}
