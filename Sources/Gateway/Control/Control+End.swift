import Configuration
import Glibc
import Logging
import Model
import Publishing
import Reactor

// The end of a gateway, by a signal or by a successor. `Ending` decides when what happens.
extension Control {
  /// Begins to drain; asked a second time, ends at once.
  func end(_ cause: Ending.Cause) {
    let isFirst = ending.stage == .serving
    let actions = ending.begin(cause, mayStopArrivals: mayStopArrivals, now: loop.nowNanoseconds)
    if isFirst {
      poll?.stop()
      if cause != .successor {
        service.stopping()
        succession?.close()
      }
      log.notice(
        "draining",
        metadata: [
          "lameDuckMilliseconds": "\(cause == .signal ? settings.http.lameDuckMilliseconds : 0)",
          "longestMilliseconds": "\(settings.http.drainTimeoutMilliseconds)",
        ])
    }
    perform(actions)
  }

  /// Whether another gateway has the sockets, too, one that comes or one that has not gone. What is done to a socket here
  /// is done to its.
  private var areSocketsShared: Bool { succession?.hasHandedOut == true || takeover != nil }

  private var mayStopArrivals: Bool {
    !areSocketsShared && sockets.claims.contains { $0.origin != .serviceManager }
  }

  private func perform(_ actions: [Ending.Action]) {
    for action in actions {
      switch action {
      case .announce: for worker in workers { worker.post(.leave) }
      case .stopArrivals: for claim in sockets.claims { claim.stopArrivals() }
      case .finish(let deadline): closeSockets(thenFinishBy: deadline)
      case .cut: for worker in workers { worker.post(.stop) }
      }
    }
    guard let next = ending.nextNanoseconds else { return }
    let now = loop.nowNanoseconds
    let timer = Timer(loop: loop) { [unowned self] in
      perform(ending.advance(mayStopArrivals: mayStopArrivals, now: loop.nowNanoseconds))
    }
    endTimer = timer
    // Rounded up, so that the stage is over when the timer fires.
    timer.start(milliseconds: next > now ? Int((next - now) / 1_000_000) + 1 : 0)
  }

  /// Ours first, then the loops': the last to close a socket is the one that has accepted from it.
  private func closeSockets(thenFinishBy deadline: UInt64) {
    for claim in sockets.claims { if areSocketsShared { claim.handedOver() } else { claim.close() } }
    if areSocketsShared {
      admin?.close()
      sockets.adminClaim.handedOver()
    }
    guard let acceptance else { return finish(by: deadline) }
    // Connections that the acceptor has taken must reach their workers before these go.
    finishDeadline = deadline
    acceptance.close()
  }

  func acceptanceEnded() {
    if let deadline = finishDeadline { finish(by: deadline) }
  }

  private func finish(by deadline: UInt64) {
    for worker in workers { worker.post(.drain(deadlineNanoseconds: deadline)) }
  }

  /// `cut`: connections that it had to close with something under way.
  func workerEnded(_ worker: Int, cut: Int) {
    running.remove(worker)
    service.ended(worker)
    availabilityProgress.ended(worker)
    answerAvailability()
    connectionsCut += cut
    guard running.isEmpty else { return }
    if connectionsCut > 0 {
      log.warning("connections were cut with a request under way", metadata: ["connections": "\(connectionsCut)"])
    }
    loader.close()
    clerk.close()
    intake.close()
    // The acceptor's thread is joined: it must hear of an end that was not orderly, too.
    acceptance?.close()
    sockets.adminClaim.close()
    loop.stop()
  }
}

// Taking over, and being taken over.
extension Control {
  /// What a successor is given; nil when this process is ending itself.
  func offer() -> (sockets: [(HandoverMessage.Socket, Int32)], isReady: Bool)? {
    guard ending.stage == .serving else { return nil }
    var offered: [(HandoverMessage.Socket, Int32)] = []
    func add(_ claim: AddressClaim, _ role: HandoverMessage.Socket.Role) {
      let socket = HandoverMessage.Socket(role: role, isServiceManagers: claim.origin == .serviceManager)
      offered += claim.descriptors.map { (socket, $0) }
    }
    for claim in sockets.claims { add(claim, .public) }
    add(sockets.adminClaim, .admin)
    return (offered, !catalogue.isEmpty && switching.isEmpty)
  }

  func succeeded(by processID: Int32) {
    service.succeeded(by: processID)
    end(.successor)
  }

  /// Opens the door for a successor; without one there is no hot restart, which is no reason not to serve.
  func openSuccession() {
    guard succession == nil else { return }
    do throws(LoopError) {
      succession = try Succession(
        loop: loop, path: Succession.path(dataDirectory: settings.dataDirectory),
        offer: { [unowned self] in offer() }, settle: { [unowned self] in settleAvailability($0) },
        taken: { [unowned self] in succeeded(by: $0) })
    } catch { log.warning("no successor can take over from this process", metadata: ["reason": "\(error)"]) }
  }

  /// Every worker serves a snapshot. Who took sockets over accepts from now on.
  func firstSnapshotServes() {
    if takeover == nil { return isReady() }
    if sockets.waitsToAccept { beginAccepting() }
  }

  /// Has every loop accept on the sockets that were taken over.
  func beginAccepting() {
    // The predecessor took calls while this process was getting ready.
    if takeover != nil { readAvailability() }
    listening = running
    for worker in workers { worker.post(.listen) }
    acceptance?.open()
  }

  func workerListens(_ worker: Int, _ failure: LoopError?) {
    guard listening.remove(worker) != nil else { return }
    failure == nil ? acceptsPerhaps() : giveUp(failure!)
  }

  func acceptanceOpened(_ failure: LoopError?) {
    isAccepting = failure == nil
    failure == nil ? acceptsPerhaps() : giveUp(failure!)
  }

  /// The predecessor notices that this process ends, and goes on serving.
  private func giveUp(_ failure: LoopError) {
    log.error("the sockets that were taken over cannot be used", metadata: ["reason": "\(failure)"])
    end(.interrupt)
  }

  private func acceptsPerhaps() {
    guard listening.isEmpty, acceptance == nil || isAccepting, let takeover else { return }
    do { try admin?.open() } catch { return giveUp(error) }
    takeover.accept(on: loop) { [unowned self] in
      log.notice("took over", metadata: ["process": "\(takeover.predecessorID)"])
      self.takeover = nil
      readAvailability()
      for claim in sockets.claims + [sockets.adminClaim] { claim.takenOver() }
      openSuccession()
      if hasServed { isReady() }
    }
  }

  private func isReady() {
    service.ready(serviceSentence)
    guard let ready = whenReady else { return }
    whenReady = nil
    ready()
  }

  /// What the service manager shows of this process.
  var serviceSentence: String {
    let versions = catalogue.models.values.map { "\($0.identity)" }.sorted()
    let address = "\(sockets.claims[0].address)"
    return versions.isEmpty
      ? "waiting for a snapshot in \(repository.place)" : "serving \(versions.joined(separator: ", ")) on \(address)"
  }

  /// Asks the workers whether their loops turn, as often as the watchdog wants.
  func feedWatchdog() {
    guard let period = service.questionMilliseconds else { return }
    let timer = Timer(loop: loop) { [unowned self] in
      guard let round = service.question(running) else { return }
      for worker in workers { worker.post(.turn(round)) }
    }
    watchdog = timer
    timer.start(milliseconds: period, repeating: true)
  }
}
