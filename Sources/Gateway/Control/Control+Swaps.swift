import Logging
import Model
import Publishing
import Reactor
import Telemetry

// What is known of a swap beyond that it happened: pauses, tails, and that the old version's memory is back.
extension Control {
  /// How often workers are asked for their latencies, and draining versions looked at.
  static let sampleMilliseconds = 1000

  func beginSampling() {
    sampleTimer = Timer(loop: loop) { [unowned self] in
      sampleSwap()
      drainVersions()
    }
    sampleTimer?.start(milliseconds: Control.sampleMilliseconds, repeating: true)
  }

  private func sampleSwap() {
    // One that a worker has not answered is dropped: its second is part of the next.
    swapSampling = (number: swapSampling.number + 1, missing: running, sample: SwapWatch.Sample())
    for worker in workers { worker.post(.sampleLatency(swapSampling.number)) }
  }

  func latencySampled(_ number: Int, _ worker: Int, _ sample: SwapWatch.Sample) {
    guard number == swapSampling.number, swapSampling.missing.remove(worker) != nil else { return }
    swapSampling.sample.add(sample)
    guard swapSampling.missing.isEmpty else { return }
    if let report = swapWatch.sampled(swapSampling.sample) { tell(report) }
  }

  func tell(_ report: SwapWatch.Report) {
    lastSwaps[report.version.name] = report
    func microseconds(_ value: Int?) -> Logger.MetadataValue { "\(value.map { "\($0)" } ?? "none")" }
    log.info(
      "swap settled",
      metadata: [
        "version": "\(report.version)", "before": "\(report.before.map { "\($0)" } ?? "none")",
        "switchedMicroseconds": "\(report.switchedMicroseconds)",
        "longestPauseMicroseconds": "\(report.longestPauseMicroseconds)",
        "longestTurnMicroseconds": "\(report.longestTurnMicroseconds)",
        "p99BeforeMicroseconds": microseconds(report.p99BeforeMicroseconds),
        "p99DuringMicroseconds": microseconds(report.p99DuringMicroseconds),
        "p99AfterMicroseconds": microseconds(report.p99AfterMicroseconds),
      ])
  }

  // MARK: Letting go.

  /// A version that nobody should use any more. Its memory goes when the last request that began with it has ended; here,
  /// on the loader's thread, so that no worker spends its time on unmapping a gigabyte.
  struct Draining {
    let identity: ModelIdentity
    var model: ServingModel
  }

  func drain(_ served: consuming ServedModel) {
    // One that a canary rejected says so to the end.
    if lifecycles[served.identity]?.state != .rejected { move(served.identity, to: .draining) }
    draining.append(Draining(identity: served.identity, model: served.model))
  }

  private func drainVersions() {
    for place in draining.indices.reversed() where isKnownUniquelyReferenced(&draining[place].model) {
      let (identity, model) = (draining[place].identity, draining[place].model)
      draining.remove(at: place)
      let (last, mailbox) = (Guarded<ServingModel?>(model), mailbox!)
      loader.submit {
        let bytes = last.withLock { $0!.memoryBytes }
        let before = milliseconds()
        last.withLock { $0 = nil }
        mailbox.post(.released(identity, bytes: bytes, milliseconds: milliseconds() - before))
      }
    }
  }

  func released(_ identity: ModelIdentity, bytes: Int, milliseconds: Int) {
    if lifecycles[identity]?.state == .draining { move(identity, to: .unloaded) }
    log.info(
      "version unloaded",
      metadata: ["version": "\(identity)", "bytesFreed": "\(bytes)", "milliseconds": "\(milliseconds)"])
  }
}
