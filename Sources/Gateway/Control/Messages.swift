import Bytes
import Memcached
import Model
import Publishing
import Reactor

/// What a worker may be told.
enum WorkerMessage: Sendable {
  /// Serve from this from the next request on.
  case serve(Catalogue)
  /// A user's new window, from the worker that took the events; it waits to hear that it is here.
  case window(UserHash, [UInt8], sender: Int, batch: UInt64)
  case windowKept(batch: UInt64)
  /// Send a copy of the counters.
  case collect(scrape: UInt64)
  /// Send a copy of what the versions have done.
  case countVersions(round: UInt64)
  /// Serve by these settings from the next request on.
  case configure(InForce)
  /// Items have sold out or come back, and the bitmaps say so: composed answers no longer hold.
  case availabilityChanged(Int)
  /// Accept on the sockets that were taken over.
  case listen
  /// A connection that the acceptor took for this worker.
  case connection(HandedConnection)
  /// Name the lists of this version that were hit.
  case nameHottest(ModelIdentity)
  /// Put lists of a version that is about to serve into the first cache, from this one on.
  case warm(PreparedLists, from: Int)
  /// Send the latencies of the answers since the last time.
  case sampleLatency(Int)
  /// Say that the loop turns.
  case turn(UInt64)
  /// Say that this node is not ready; go on otherwise.
  case leave
  case drain(deadlineNanoseconds: UInt64)
  case stop
  /// From the worker to itself: others have had their turn.
  case takeTurns
}

/// What the control plane may be told.
enum ControlMessage: Sendable {
  case listed([String: RepositoryListing], failure: PublishError?)
  case moved(ModelIdentity, ModelState)
  /// Signed by a key that is trusted here.
  case endorsed(ModelIdentity, KeyID)
  case progress(ModelIdentity, Double)
  case loaded(ServedModel, LoadTimes)
  /// Its first lists are made.
  case rendered(ServedModel, LoadTimes, PreparedLists)
  case failed(ModelIdentity, PublishError)
  /// What the gates said, before `loaded` or `failed`.
  case proved(ModelIdentity, GateReport)
  case hottest(worker: Int, ModelIdentity, [HotList])
  case warmed(worker: Int, ModelIdentity)
  case switched(worker: Int, generation: Int, pauseNanoseconds: UInt64)
  case aliasSet(Int, failure: PublishError?)
  case latencySampled(Int, worker: Int, SwapWatch.Sample)
  /// A version that nobody used any more is gone from memory.
  case released(ModelIdentity, bytes: Int, milliseconds: Int)
  case collected(scrape: UInt64, worker: Int, WorkerMetrics, [NodeStatus])
  case ended(worker: Int, cut: Int)
  case end(Ending.Cause)
  case reread(Reloading.Outcome)
  case listens(worker: Int, failure: LoopError?)
  case acceptanceOpened(failure: LoopError?)
  case acceptanceEnded
  case turned(worker: Int, UInt64)
  /// Answers from now on by a change of availability.
  case availabilityTaken(worker: Int, change: Int)
  case availabilitySaved(failure: String?)
  case versionsCounted(VersionTable, round: UInt64, worker: Int)
}

/// How long the stages of loading a version took, milliseconds.
struct LoadTimes: Sendable {
  var pull = 0
  var load = 0
  var prove = 0
  var warm = 0
  var warmed = WarmCounts()
  /// Lists that workers were given.
  var lists = 0
}

/// What became of loading a version.
struct LoadOutcome: Hashable {
  let model, result, reason: String
}

/// What warming wrote to memcached.
public struct WarmCounts: Sendable {
  public var written = 0
  public var present = 0
  public var failed = 0
  public var bytes = 0
  /// Keys that the time budget left out.
  public var left = 0

  public init() {}

  mutating func add(_ other: WarmCounts) {
    written += other.written
    present += other.present
    failed += other.failed
    bytes += other.bytes
    left += other.left
  }
}
