/// Why a stream is over.
public enum StreamEnd: Sendable, CustomStringConvertible {
  case closedByPeer
  case failed(LoopError)
  case closedHere

  public var description: String {
    switch self {
    case .closedByPeer: "closed by peer"
    case .failed(let error): "failed: \(error)"
    case .closedHere: "closed here"
    }
  }
}

/// What a stream does when its peer has sent all it will (FIN).
public enum AfterInput: Sendable {
  /// Close now; output still queued is discarded.
  case close
  /// Go on writing: the peer may have closed one direction only and wait for answers. The stream then closes, with
  /// `.closedByPeer`, once `finishWriting` has sent what was queued, or when the handler closes it.
  case keepWriting
}

/// Hears of one stream. Called on the loop's thread, and never again after `ended`.
///
/// The stream keeps its handler alive until `ended`, so the handler may own the stream.
public protocol StreamHandler: AnyObject {
  /// A connecting stream is connected. Accepted streams are from the start and do not call this.
  func connected()

  /// `bytes` lie in a buffer shared by all streams of the loop: what is needed later must be copied now.
  func received(_ bytes: RawSpan)

  /// All queued output has been handed to the kernel. Not called for writes that the kernel took at once.
  func drained()

  /// The peer has finished sending; nothing more will be received.
  func inputEnded() -> AfterInput

  /// Exactly once, and the last call. A connection that could not be made ends without having been `connected`.
  func ended(_ end: StreamEnd)
}

extension StreamHandler {
  public func connected() {}
  public func drained() {}
  public func inputEnded() -> AfterInput { .close }
}
