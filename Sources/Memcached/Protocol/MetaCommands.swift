internal import Bytes

/// Limits of the server that we keep ourselves: it answers a breach with an error after which the connection is lost,
/// or by swallowing a megabyte.
public enum MetaLimits {
  public static let keyBytesMax = 250
  /// item_size_max, the server's default. The item header and key count too, so a value this large is still refused by
  /// the server, with an error that costs one answer and no connection.
  public static let valueBytesMax = 1 << 20
  /// Above 30 days memcached reads a number as an absolute time.
  public static let ttlSecondsMax = 30 * 86400
  /// A TTL of 1 may be over at once: the server's clock has 1 s steps.
  public static let ttlSecondsMin = 2

  /// 1 to 250 bytes, none of them a space, a control character or DEL.
  public static func isKey(_ key: RawSpan) -> Bool {
    guard (1...keyBytesMax).contains(key.byteCount) else { return false }
    for offset in 0..<key.byteCount {
      let byte = key.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      if byte <= 0x20 || byte == 0x7F { return false }
    }
    return true
  }

  static func clampedTTL(_ seconds: Int) -> Int { min(max(seconds, ttlSecondsMin), ttlSecondsMax) }
}

/// How a set treats what the key already holds.
public enum SetMode: Sendable, Equatable {
  case always
  /// Only if nothing is there; else `.notStored`.
  case add
  /// Only if the item is still the one read with this CAS value; else `.exists`, or `.notStored` when it is gone.
  case ifUnchanged(cas: UInt64)
}

/// The commands we send, each with an opaque so that its answer names it. `q` is never used: every command then has
/// exactly one answer, in order, and a lost or doubled one shows at the next opaque.
extension ByteBuffer {
  /// `mg <key> [N<s>] [R<s>] v t c f [k] O<opaque>`
  ///
  /// N and R stand before t: flags take effect in order, and the printed TTL must be the one after them.
  mutating func appendMetaGet(
    key: RawSpan, recacheSeconds: Int? = nil, vivifySeconds: Int? = nil, echoesKey: Bool = false, opaque: UInt32
  ) {
    append("mg " as StaticString)
    append(key)
    if let vivifySeconds { appendFlag("N", MetaLimits.clampedTTL(vivifySeconds)) }
    if let recacheSeconds { appendFlag("R", min(max(recacheSeconds, 1), MetaLimits.ttlSecondsMax)) }
    append(" v t c f" as StaticString)
    if echoesKey { append(" k" as StaticString) }
    appendFlag("O", opaque)
    append("\r\n" as StaticString)
  }

  /// `ms <key> <length> T<s> F<flags> [ME | C<cas>] O<opaque>`, then the value.
  mutating func appendMetaSet(
    key: RawSpan, value: RawSpan, flags: UInt32, ttlSeconds: Int, mode: SetMode, opaque: UInt32
  ) {
    append("ms " as StaticString)
    append(key)
    append(UInt8(ascii: " "))
    append(decimal: value.byteCount)
    appendFlag("T", MetaLimits.clampedTTL(ttlSeconds))
    appendFlag("F", flags)
    switch mode {
    case .always: break
    case .add: append(" ME" as StaticString)
    case .ifUnchanged(let cas): appendFlag("C", cas)
    }
    appendFlag("O", opaque)
    append("\r\n" as StaticString)
    append(value)
    append("\r\n" as StaticString)
  }

  /// `md <key> [C<cas>] [I T<s>] O<opaque>`: deletes, or with a stale TTL only marks the item stale.
  mutating func appendMetaDelete(key: RawSpan, cas: UInt64? = nil, staleSeconds: Int? = nil, opaque: UInt32) {
    append("md " as StaticString)
    append(key)
    if let cas { appendFlag("C", cas) }
    if let staleSeconds {
      append(" I" as StaticString)
      appendFlag("T", MetaLimits.clampedTTL(staleSeconds))
    }
    appendFlag("O", opaque)
    append("\r\n" as StaticString)
  }

  private mutating func appendFlag(_ letter: Unicode.Scalar, _ value: some FixedWidthInteger) {
    append(UInt8(ascii: " "))
    append(UInt8(ascii: letter))
    append(decimal: value)
  }
}
