/// How far a publish or a pull has come, in raw bytes of sections.
public struct TransferProgress: Sendable, Equatable {
  public let bytesDone: Int
  public let bytesTotal: Int
  /// Of `bytesDone`: what did not travel, because the other side had it.
  public let bytesReused: Int

  public init(bytesDone: Int, bytesTotal: Int, bytesReused: Int = 0) {
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.bytesReused = bytesReused
  }

  /// 0…1; a transfer of nothing is done.
  public var fraction: Double { bytesTotal == 0 ? 1 : Double(bytesDone) / Double(bytesTotal) }
}
