import Testing

@testable import Gateway

/// When a call is answered: as soon as every worker and the disk have what it asked for, and never before.
@Suite struct AvailabilityProgressTests {
  private final class Call {
    var outcome: AvailabilityProgress.Outcome?
  }

  private func call(_ progress: inout AvailabilityProgress) -> Call {
    let call = Call()
    progress.await { call.outcome = $0 }
    return call
  }

  private func tell(_ progress: inout AvailabilityProgress) { for tell in progress.takeFinished() { tell() } }

  @Test func `a call waits for every worker and for the disk`() {
    var progress = AvailabilityProgress(workers: [0, 1])
    #expect(progress.begin() == 1)
    let call = call(&progress)
    let begins = progress.beginSaving(retries: true)
    #expect(begins && progress.isBusy)
    progress.took(0, 1)
    progress.endSaving(failure: nil)
    tell(&progress)
    #expect(call.outcome == nil)
    progress.took(1, 1)
    tell(&progress)
    #expect(call.outcome == .done && !progress.isBusy)
  }

  @Test func `a call that changes nothing waits for the change before it`() {
    var progress = AvailabilityProgress(workers: [0])
    _ = progress.begin()
    let (first, second) = (call(&progress), call(&progress))
    let begins = (progress.beginSaving(retries: true), progress.beginSaving(retries: true))
    #expect(begins == (true, false))
    progress.endSaving(failure: nil)
    tell(&progress)
    #expect(first.outcome == nil && second.outcome == nil)
    progress.took(0, 1)
    tell(&progress)
    #expect(first.outcome == .done && second.outcome == .done)
  }

  @Test func `with nothing ever changed a call is answered at once`() {
    var progress = AvailabilityProgress(workers: [0, 1])
    let call = call(&progress)
    let begins = progress.beginSaving(retries: true)
    tell(&progress)
    #expect(!begins && call.outcome == .done)
  }

  @Test func `changes that come during a write share the next one`() {
    var progress = AvailabilityProgress(workers: [0])
    _ = progress.begin()
    let first = call(&progress)
    _ = progress.beginSaving(retries: true)
    var later: [Call] = []
    for _ in 0..<5 {
      _ = progress.begin()
      later.append(call(&progress))
      let begins = progress.beginSaving(retries: true)
      #expect(!begins)
    }
    progress.took(0, 6)
    progress.endSaving(failure: nil)
    tell(&progress)
    #expect(first.outcome == .done && later.allSatisfy { $0.outcome == nil })
    let begins = progress.beginSaving(retries: false)
    #expect(begins)
    progress.endSaving(failure: nil)
    tell(&progress)
    #expect(later.allSatisfy { $0.outcome == .done } && !progress.isBusy)
  }

  @Test func `a write that fails is told, and tried again with the next call alone`() {
    var progress = AvailabilityProgress(workers: [0])
    _ = progress.begin()
    let first = call(&progress)
    _ = progress.beginSaving(retries: true)
    progress.took(0, 1)
    progress.endSaving(failure: "no room")
    let retries = progress.beginSaving(retries: false)
    #expect(!retries)
    tell(&progress)
    #expect(first.outcome == .notSaved("no room"))
    // The next one asks for nothing new and still wants it kept.
    let second = call(&progress)
    let begins = progress.beginSaving(retries: true)
    tell(&progress)
    #expect(begins && second.outcome == nil)
    progress.endSaving(failure: nil)
    tell(&progress)
    #expect(second.outcome == .done)
  }

  @Test func `a worker that has ended is not waited for`() {
    var progress = AvailabilityProgress(workers: [0, 1])
    _ = progress.begin()
    let call = call(&progress)
    _ = progress.beginSaving(retries: true)
    progress.endSaving(failure: nil)
    progress.took(0, 1)
    progress.ended(1)
    // Its last words may come late.
    progress.took(1, 1)
    tell(&progress)
    #expect(call.outcome == .done)
  }

  @Test func `what was read from the disk is on it`() {
    var progress = AvailabilityProgress(workers: [0])
    _ = progress.begin()
    progress.isOnDisk()
    progress.took(0, 1)
    let call = call(&progress)
    let begins = progress.beginSaving(retries: true)
    tell(&progress)
    #expect(!begins && call.outcome == .done)
  }
}
