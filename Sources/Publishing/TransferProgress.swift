/// How far a publish or a pull has come, in raw bytes of sections.
public struct TransferProgress: Sendable, Equatable {
  public let bytesDone: Int
  public let bytesTotal: Int

  public init(bytesDone: Int, bytesTotal: Int) {
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
  }

  /// 0…1; a transfer of nothing is done.
  public var fraction: Double { bytesTotal == 0 ? 1 : Double(bytesDone) / Double(bytesTotal) }
}
