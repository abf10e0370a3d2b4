/// What the network does to the connections to one address, and to those who wait behind them. Faults are off by
/// default; a script sets them, at any moment, for whatever crosses the link from then on.
package final class SimulatedLink {
  /// One way. Bytes of one direction never overtake each other.
  package var latencyNanoseconds: ClosedRange<UInt64> = 20_000...60_000
  /// How often a write arrives in two to five pieces cut anywhere, each with its own latency.
  package var splitPerMille = 0
  /// How often a write is taken in part only, as by a kernel short of memory.
  package var partialWritePerMille = 0
  /// How often a read gives less than has arrived.
  package var shortReadPerMille = 0
  /// How often bytes on their way meet a reset instead, which both sides then see.
  package var resetPerMille = 0
  /// Nothing crosses, not even a refusal, until it is false again; then what was sent is sent again.
  package var isBlackHole = false
  /// What one direction holds, from a write to the read: the socket buffers of both sides.
  package var bufferBytes = 256 * 1024

  package init() {}

  /// A black hole is looked into this often: the retransmission timeout of TCP at its least.
  static let retransmissionNanoseconds: UInt64 = 200_000_000
}

/// How long things take on a simulated loop. Each look at the clock lets some time pass, so that a turn takes time in
/// proportion to what it does; a stall is what a busy machine does to a thread.
package struct SimulatedPace {
  package var lookNanoseconds: ClosedRange<UInt64>
  package var stallPerMille: Int
  package var stallNanoseconds: ClosedRange<UInt64>

  package init(
    lookNanoseconds: ClosedRange<UInt64> = 0...0, stallPerMille: Int = 0, stallNanoseconds: ClosedRange<UInt64> = 0...0
  ) {
    self.lookNanoseconds = lookNanoseconds
    self.stallPerMille = stallPerMille
    self.stallNanoseconds = stallNanoseconds
  }
}
