/// What one connection may ask of the parser. The defaults are published in the README.
///
/// Memory a connection can pin with a head: `headBytes` of unconsumed input, 32 KiB, plus the field table
/// of its parser, 100 × 8 bytes. 1 000 connections that each drip a head of the greatest size hold 32 MiB.
public struct HTTPLimits: Sendable {
  /// Longest request line, header line, trailer line and chunk-size line, without its CRLF.
  public var lineBytes = 8 * 1024
  /// Longest head, from its first byte to its empty line inclusive. The trailers of a chunked body count here too, as
  /// if they had stood in the head.
  public var headBytes = 32 * 1024
  /// Most header lines of a request, trailers included. At most 255.
  public var headerLines = 100
  /// Longest decoded body where the route has not said otherwise (`RequestParser.bodyBytesMax`).
  public var bodyBytes = 64 * 1024
  /// Bytes of chunk-size lines and chunk ends that any chunked body may spend.
  ///
  /// Beyond them a body is refused once more than three of its four bytes were framing: h2o's rule, which catches a
  /// flood of one-byte chunks and long chunk extensions on short chunks, and no honest sender.
  public var chunkOverheadBytes = 100 * 1024

  /// The index of a line is kept in 8 bits, 0 for none.
  public static let headerLinesMax = Int(UInt8.max)
  /// Offsets into a head are kept in 16 bits.
  public static let headBytesMax = Int(UInt16.max)
  /// A chunk size of 16 hexadecimal digits already fills 64 bits; more can only be leading zeros.
  public static let chunkSizeDigits = 16
  /// 19 decimal digits fill 63 bits; more are an overflow or leading zeros that another parser may read differently.
  public static let contentLengthDigits = 19

  public init() {}

  func check() {
    precondition(
      lineBytes > 0 && headBytes <= Self.headBytesMax && headerLines > 0 && headerLines <= Self.headerLinesMax)
    // A request line that is too long is 414; were the whole head not longer than a line, it would be 431 or 414
    // depending on where the network split it. Two bytes each: the empty line before it and its own CRLF.
    precondition(headBytes >= lineBytes + 4, "headBytes must exceed lineBytes by 4")
    precondition(bodyBytes >= 0 && chunkOverheadBytes >= 0)
  }
}
