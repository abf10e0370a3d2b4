import Configuration
import Memcached
import Reactor
import Telemetry

// What a worker is told from outside its thread.
extension Worker {
  func receive(_ message: WorkerMessage) {
    switch message {
    case .serve(let catalogue): serve(catalogue)
    case .window(let user, let window, let sender, let batch):
      keepWindow(window.span.bytes, of: user)
      peers[sender].post(.windowKept(batch: batch))
    case .windowKept(let batch):
      if let batch = batches[batch] { settle(batch) }
    case .collect(let scrape):
      control.post(.collected(scrape: scrape, worker: index, currentMetrics(), nodeStatus()))
    case .countVersions(let round):
      control.post(.versionsCounted(metrics.versions, round: round, worker: index))
    case .configure(let inForce):
      configure(inForce)
      serve(inForce.catalogue)
    case .availabilityChanged(let change):
      composedGeneration &+= 1
      control.post(.availabilityTaken(worker: index, change: change))
    case .nameHottest(let version): control.post(.hottest(worker: index, version, hottest(version)))
    case .warm(let lists, let start): keep(lists, from: start)
    case .sampleLatency(let number): control.post(.latencySampled(number, worker: index, takeLatencySample()))
    case .listen:
      do throws(LoopError) {
        try listen()
        control.post(.listens(worker: index, failure: nil))
      } catch { control.post(.listens(worker: index, failure: error)) }
    case .connection(let handed): take(handed)
    case .turn(let round): control.post(.turned(worker: index, round))
    case .leave: leave()
    case .drain(let deadline): drain(deadlineNanoseconds: deadline)
    case .stop: stop()
    case .takeTurns: takeTurns()
    }
  }

  /// Serves from another catalogue from the next request on. Requests under way finish with the snapshot they began
  /// with; the last one lets go of it.
  private func serve(_ catalogue: Catalogue) {
    let started = loop.nowNanoseconds
    self.catalogue = catalogue
    composedGeneration &+= 1
    shelves = placements.all.enumerated().map { index, placement in shelf(index, placement, catalogue) }
    control.post(
      .switched(
        worker: index, generation: catalogue.generation, pauseNanoseconds: loop.nowNanoseconds - started))
  }

  private func shelf(_ index: Int, _ placement: Placements.Placement, _ catalogue: Catalogue) -> Shelf {
    let served = catalogue.served(placement.policy, default: settings.model)
    let challenge = catalogue.challenge(placement.policy, default: settings.model)
    let identities = catalogue.identities
    func row(_ served: ServedModel?, isBystander: Bool = false) -> UInt8 {
      served.map { metrics.versions.row(of: $0.identity, isBystander: isBystander, serving: identities) }
        ?? VersionTable.noRow
    }
    let challenger = challenge.map { challenge in
      Shelf(
        index, placement, challenge.served, row: row(challenge.served),
        arm: CanaryArm(step: challenge.step, isChallenger: true))
    }
    return Shelf(
      index, placement, served, row: row(served),
      arm: challenge.map { CanaryArm(step: $0.step, isChallenger: false) }, challenger: challenger,
      split: challenge?.split,
      bystander: challenge.map { _ in Shelf(index, placement, served, row: row(served, isBystander: true)) })
  }

  private func currentMetrics() -> WorkerMetrics {
    metrics.l1.entries = UInt64(l1.count)
    metrics.l1.bytes = UInt64(l1.byteCount)
    metrics.l1.evictions = l1.evictions
    let activity = takeActivity()
    metrics.turns = activity.turns
    metrics.busyNanoseconds = activity.busyNanoseconds
    metrics.longestTurnNanoseconds = sampling.longestTurnForScrape
    sampling.longestTurnForScrape = 0
    metrics.bufferBytes = buffers.bytes
    metrics.admission = admission.counts
    metrics.computeQueueLength = admission.waiting
    metrics.pressureLevel = admission.level
    metrics.pressureChanges = admission.pressure.changes
    metrics.inFlight = flights.count + windowFetches.count
    return metrics
  }

  /// The loop forgets its longest turn when it is read, and there are two who read it.
  private func takeActivity() -> LoopActivity {
    let activity = loop.takeActivity()
    sampling.longestTurnForScrape = max(sampling.longestTurnForScrape, activity.longestTurnNanoseconds)
    sampling.longestTurnForSample = max(sampling.longestTurnForSample, activity.longestTurnNanoseconds)
    return activity
  }

  /// The answers since the last sample.
  private func takeLatencySample() -> SwapWatch.Sample {
    _ = takeActivity()
    let total = metrics.answerLatency
    defer {
      sampling.latency = total
      sampling.longestTurnForSample = 0
    }
    return SwapWatch.Sample(
      latency: total.since(sampling.latency), longestTurnNanoseconds: sampling.longestTurnForSample)
  }

  private func nodeStatus() -> [NodeStatus] {
    guard let memcached else { return [] }
    return (0..<memcached.nodeCount).map { memcached.status(of: $0) }
  }
}
