public import Bytes

/// One `name=value` of a query, as ranges into it, still encoded.
public struct QueryParameter: Sendable, Equatable {
  public let name: Range<Int>
  /// Empty where there is no `=`.
  public let value: Range<Int>
}

/// What is wrong with a parameter, for an answer that names it.
public struct QueryError: Error, Sendable, CustomStringConvertible {
  /// The name as the client wrote it.
  public let parameter: String
  public let reason: StaticString

  public var description: String { "\(parameter): \(reason)" }
}

/// The parameters of a query, in order, in the form that browsers and `URLSearchParams` write:
///
///     query = [ parameter ] *( "&" [ parameter ] )     parameter = name [ "=" value ]
///
/// `+` and `%20` both stand for a space. Nothing is copied until a value is decoded.
public struct QueryParameters: ~Escapable {
  public let query: RawSpan
  private var at = 0

  @_lifetime(copy query)
  public init(_ query: RawSpan) {
    self.query = query
  }

  /// The next parameter; empty ones (`&&`) are skipped. O(its bytes).
  @_lifetime(self: copy self)
  public mutating func next() -> QueryParameter? {
    let start = at
    let found: (parameter: QueryParameter?, end: Int) = query.withUnsafeBytes { query in
      let octets = Octets(query)
      var start = start
      while start < octets.count {
        let end = octets.first(UInt8(ascii: "&"), in: start..<octets.count) ?? octets.count
        if end > start {
          let equals = octets.first(UInt8(ascii: "="), in: start..<end) ?? end
          return (QueryParameter(name: start..<equals, value: min(equals + 1, end)..<end), end + 1)
        }
        start = end + 1
      }
      return (nil, octets.count)
    }
    at = found.end
    return found.parameter
  }

  /// Whether the decoded name is `name`. A name that cannot be decoded is no name.
  public func isNamed(_ parameter: QueryParameter, _ name: StaticString) -> Bool {
    query.extracting(parameter.name).withUnsafeBytes { percentDecoded(Octets($0), equals: name) }
  }

  /// Whether the value holds nothing to decode, so that its bytes can be used as they are.
  public func isPlain(_ parameter: QueryParameter) -> Bool {
    query.extracting(parameter.value).withUnsafeBytes { value in
      let octets = Octets(value)
      return octets.first(UInt8(ascii: "%"), in: 0..<octets.count) == nil
        && octets.first(UInt8(ascii: "+"), in: 0..<octets.count) == nil
    }
  }

  /// Appends the decoded value to `output`, which is left as it was when the value is malformed. O(bytes).
  public func decode(_ parameter: QueryParameter, into output: inout ByteBuffer) throws(QueryError) {
    guard percentDecode(query.extracting(parameter.value), plusIsSpace: true, into: &output) else {
      throw QueryError(
        parameter: String(copying: query.extracting(parameter.name)),
        reason: "A % must be followed by two hexadecimal digits.")
    }
  }
}
