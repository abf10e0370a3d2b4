import Testing

@testable import Trainer

@Suite struct TrainingScheduleTests {
  private func schedule(every: Int? = nil, events: Int? = nil, decidedAt: Int? = 1000) -> TrainingSchedule {
    TrainingSchedule(TrainingSchedule.Settings(everySeconds: every, newEventsMin: events), decidedAt: decidedAt)
  }

  @Test func `without a model the first run begins at once`() {
    #expect(schedule(every: 3600, decidedAt: nil).next(now: 5000) == .start(.first))
  }

  @Test func `a schedule counts from the last decision, also over a restart`() {
    let schedule = schedule(every: 3600)
    #expect(schedule.next(now: 1001) == .wait(until: 4600))
    #expect(schedule.next(now: 4599) == .wait(until: 4600))
    #expect(schedule.next(now: 4600) == .start(.schedule))
    #expect(schedule.next(now: 90_000) == .start(.schedule), "a run that was missed is made up for once")
  }

  @Test func `without schedule and events nothing happens until somebody asks`() {
    var schedule = schedule()
    #expect(schedule.next(now: 1_000_000) == .wait(until: nil))
    schedule.request()
    #expect(schedule.next(now: 1_000_000) == .start(.requested))
  }

  @Test func `enough new events start a run, after the pause`() {
    var schedule = schedule(events: 100)
    schedule.observed(newEvents: 99)
    #expect(schedule.next(now: 5000) == .wait(until: nil))
    schedule.observed(newEvents: 100)
    #expect(schedule.next(now: 1030) == .wait(until: 1060))
    #expect(schedule.next(now: 1060) == .start(.newEvents(100)))
  }

  @Test func `whichever comes first starts the run`() {
    var schedule = schedule(every: 3600, events: 100)
    #expect(schedule.next(now: 2000) == .wait(until: 4600))
    schedule.observed(newEvents: 500)
    #expect(schedule.next(now: 2000) == .start(.newEvents(500)))
  }

  @Test func `one run at a time, and a wish during a run is another run`() {
    var schedule = schedule(every: 3600)
    schedule.started(.schedule)
    schedule.request()
    #expect(schedule.next(now: 90_000) == .wait(until: nil))
    schedule.ended(.decided, now: 90_000)
    #expect(schedule.next(now: 90_000) == .start(.requested))
    schedule.started(.requested)
    schedule.ended(.decided, now: 90_100)
    #expect(schedule.next(now: 90_100) == .wait(until: 93_700))
  }

  @Test func `failures are tried again, more and more seldom, whatever else is due`() {
    var schedule = schedule(every: 10, events: 1)
    schedule.observed(newEvents: 50)
    var now = 5000
    for (failures, pause) in [60, 120, 240, 480, 960, 1920, 3600, 3600].enumerated() {
      guard case .start(let cause) = schedule.next(now: now) else {
        Issue.record("nothing starts after \(failures) failures")
        return
      }
      #expect(failures == 0 || cause == .retry(failures))
      schedule.started(cause)
      schedule.ended(.failed, now: now)
      #expect(schedule.next(now: now) == .wait(until: now + pause), "after \(failures + 1) failures")
      #expect(schedule.next(now: now + pause - 1) == .wait(until: now + pause))
      now += pause
    }
    schedule.started(.retry(8))
    schedule.ended(.decided, now: now)
    #expect(schedule.failures == 0)
    #expect(schedule.next(now: now) == .wait(until: now + 10))
  }

  @Test func `a wish is not made to wait by failures`() {
    var schedule = schedule(every: 10)
    schedule.started(.schedule)
    schedule.ended(.failed, now: 2000)
    schedule.request()
    #expect(schedule.next(now: 2001) == .start(.requested))
  }

  @Test func `so many failures that a shift would overflow are still an hour`() {
    var schedule = schedule(every: 10)
    for _ in 0..<200 {
      schedule.started(.schedule)
      schedule.ended(.failed, now: 2000)
    }
    #expect(schedule.next(now: 2000) == .wait(until: 5600))
  }

  @Test func `a clock that was set back does not stop the schedule for years`() {
    let schedule = schedule(every: 3600, decidedAt: 1_900_000_000)
    #expect(schedule.next(now: 1_800_000_000) == .wait(until: 1_800_003_600))
  }

  @Test func `a clock that was set back puts the next run off once, not at every look`() {
    let back = 1_800_000_000
    var schedule = schedule(every: 3600, decidedAt: 1_900_000_000)
    for now in back..<back + 3600 {
      schedule.observed(now: now)
      #expect(schedule.next(now: now) == .wait(until: back + 3600))
    }
    #expect(schedule.decidedAt == back)
    schedule.observed(now: back + 3600)
    #expect(schedule.next(now: back + 3600) == .start(.schedule))
  }

  @Test func `a clock that was set back puts a retry off once too`() {
    var schedule = schedule(every: 10)
    schedule.started(.schedule)
    schedule.ended(.failed, now: 1_900_000_000)
    for now in [1000, 1030, 1059] {
      schedule.observed(now: now)
      #expect(schedule.next(now: now) == .wait(until: 1060))
    }
    schedule.observed(now: 1060)
    #expect(schedule.next(now: 1060) == .start(.retry(1)))
  }

  @Test func `a clock that goes on changes nothing that was noted`() {
    var schedule = schedule(every: 3600)
    schedule.observed(now: 90_000)
    #expect(schedule.decidedAt == 1000)
    schedule.observed(now: 1000)
    #expect(schedule.next(now: 1000) == .wait(until: 4600))
  }
}
