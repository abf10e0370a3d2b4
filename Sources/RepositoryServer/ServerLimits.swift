/// What one server puts up with. Memory at the worst, with the defaults: 256 connections × (32 KiB of head + a piece of
/// 256 KiB that waits for a slow reader, in a buffer that may have doubled) ≈ 140 MiB; as a rule a few pieces.
public struct ServerLimits: Sendable {
  /// Gateways that pull, publishers and scrapers. Further ones are closed at once.
  public var connectionsMax = 256
  /// From the first byte of a head to its end.
  public var headSeconds = 10
  /// From an answer to the first byte of the next request.
  public var idleSeconds = 60
  /// Over each such window a body, in either direction, must move `paceBytesMin`: 1 KiB a second, less than a
  /// modem's. Long, because a slow reader's kernel takes in bursts.
  public var paceSeconds = 60
  public var paceBytesMin = 60 * 1024
  /// After a refusal that closes: for the client to read it, which a reset would keep it from.
  public var lingerSeconds = 5

  /// One read from the disk and one write to the socket: below a millisecond when the kernel has the page, which
  /// read-ahead sees to. Larger ones keep other connections waiting, smaller ones cost more calls a gigabyte.
  public var pieceBytes = 256 * 1024
  /// Pieces to one connection before the others have their turn.
  public var piecesPerTurn = 4

  /// 64 GiB: a hundred million vectors of 128 floats are 48.
  public var blobBytesMax = 64 << 30
  /// Blobs that are being sent at once; each writes to the disk.
  public var uploadsMax = 16
  /// A publisher that has not sent anything for this long has gone, or begins again: what it left can then be swept.
  public var claimSeconds = 3600
  /// Of a request to the control pages.
  public var controlBytesMax = 4096
  /// What is read and thrown away of the body of a refused request, so that the connection can go on.
  public var discardedBytesMax = 64 * 1024
  /// Left free on the disk: for the trainer's own snapshots, and for everything else on the machine.
  public var reservedBytes = 256 << 20

  public init() {}
}
