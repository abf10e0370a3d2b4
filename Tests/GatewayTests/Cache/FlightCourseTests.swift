import TestSupport
import Testing

@testable import Gateway

/// The decisions of a flight as a table, and what it owes the fleet.
@Suite struct FlightCourseTests {
  private func course(asked purpose: Flights.Purpose = .answer) -> FlightCourse {
    var course = FlightCourse()
    course.asks(for: purpose)
    return course
  }

  private static let purposes: [Flights.Purpose] = [.answer, .refresh, .prefetch]

  // MARK: A list

  @Test(arguments: purposes) func `a fresh list is served, and refreshed early only by who won that`(
    purpose: Flights.Purpose
  ) {
    for (token, refreshes) in [(FlightCourse.Token.none, false), (.anothers, false), (.won, true)] {
      var course = course(asked: purpose)
      #expect(course.answered(.fresh, token, cas: 7, for: purpose) == .serve(refreshes: refreshes))
      #expect(course.debt == (refreshes ? .refresh(cas: 7) : .none))
      if refreshes { #expect(course.write == .ifUnchanged(cas: 7)) }
    }
  }

  @Test func `a stale list is served by all and refreshed by the winner`() {
    var winner = course()
    #expect(winner.answered(.stale(watchedSeconds: 0), .won, cas: 7, for: .answer) == .serve(refreshes: true))
    #expect(winner.write == .ifUnchanged(cas: 7) && winner.debt == .refresh(cas: 7))
    var loser = course()
    #expect(loser.answered(.stale(watchedSeconds: 4), .anothers, cas: 7, for: .answer) == .serve(refreshes: false))
    #expect(loser.debt == .none)
  }

  @Test func `a list whose winner died is taken over, by each at a time of its own, and owes nothing`() {
    func takesOver(after seconds: UInt32, chance: Double) -> Bool {
      var course = course()
      let step = course.answered(.stale(watchedSeconds: seconds), .anothers, cas: 7, for: .refresh, chance: chance)
      #expect(course.debt == .none)
      return step == .serve(refreshes: true)
    }
    #expect(!takesOver(after: 4, chance: 0))
    #expect(takesOver(after: 5, chance: 0))
    #expect(!takesOver(after: 5, chance: 0.5))
    #expect(takesOver(after: 10, chance: 0.999))
  }

  @Test func `a stale list that nobody is told to refresh is refreshed`() {
    var course = course()
    #expect(course.answered(.stale(watchedSeconds: 1), .none, cas: 7, for: .answer) == .serve(refreshes: true))
    #expect(course.write == .ifUnchanged(cas: 7))
  }

  @Test func `a revision is watched from when it was first seen, a new one anew`() {
    var watch = StaleWatch()
    let seen = [
      watch.seconds(7, cas: 1, now: 100), watch.seconds(7, cas: 1, now: 104), watch.seconds(8, cas: 1, now: 104),
      watch.seconds(7, cas: 2, now: 105), watch.seconds(7, cas: 2, now: 106),
      // Another key in the same place pushes it out.
      watch.seconds(7 + 1024, cas: 2, now: 106), watch.seconds(7, cas: 2, now: 110),
    ]
    #expect(seen == [0, 4, 0, 0, 1, 0, 0])
  }

  // MARK: No list

  @Test(arguments: [Flights.Purpose.answer, .refresh]) func `who wins the stub computes, writes over it and owes it`(
    purpose: Flights.Purpose
  ) {
    var course = course(asked: purpose)
    #expect(course.answered(.nothing, .won, cas: 9, for: purpose) == .compute)
    #expect(course.write == .ifUnchanged(cas: 9) && course.debt == .stub(cas: 9))
    course.settled()
    #expect(course.debt == .none)
  }

  @Test func `who meets another's stub waits three times, then computes and writes nothing`() {
    var course = course()
    let steps = (0..<4).map { _ in course.answered(.nothing, .anothers, cas: 9, for: .answer) }
    #expect(steps == [.wait(milliseconds: 2), .wait(milliseconds: 4), .wait(milliseconds: 8), .compute])
    #expect(course.write == .not && course.debt == .none)
  }

  @Test(arguments: [(0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (29, 3), (30, 4), (100_000, 15)])
  func `it waits no longer than it may`(patience: Int, waits: Int) {
    var course = course()
    var total = 0
    while case .wait(let milliseconds) = course.answered(
      .nothing, .anothers, cas: 9, for: .answer, patienceMilliseconds: patience)
    { total += milliseconds }
    #expect(course.waits == waits && total <= patience)
  }

  @Test func `a stub that has become a list is served, one that has gone is won`() {
    var filled = course()
    _ = filled.answered(.nothing, .anothers, cas: 9, for: .answer)
    #expect(filled.answered(.fresh, .none, cas: 10, for: .answer) == .serve(refreshes: false))
    var handedBack = course()
    _ = handedBack.answered(.nothing, .anothers, cas: 9, for: .answer)
    #expect(handedBack.answered(.nothing, .won, cas: 11, for: .answer) == .compute)
    #expect(handedBack.write == .ifUnchanged(cas: 11))
  }

  @Test(arguments: [Flights.Purpose.refresh, .prefetch]) func `nobody waits for another's fill for nobody`(
    purpose: Flights.Purpose
  ) {
    var course = course(asked: purpose)
    #expect(course.answered(.nothing, .anothers, cas: 9, for: purpose) == .end)
  }

  @Test func `a prefetch claims nothing; whoever joined it asks again and does`() {
    var course = course(asked: .prefetch)
    #expect(!course.claims)
    #expect(course.answered(.nothing, .none, cas: 0, for: .prefetch) == .end)
    #expect(course.answered(.nothing, .none, cas: 0, for: .answer) == .ask)
    course.asks(for: .answer)
    #expect(course.answered(.nothing, .won, cas: 9, for: .answer) == .compute)
  }

  @Test func `under pressure nothing is claimed, and what is missing is computed at once`() {
    var course = FlightCourse()
    course.asks(for: .answer, mayClaim: false)
    #expect(!course.claims)
    #expect(course.answered(.nothing, .none, cas: 0, for: .answer) == .compute)
  }

  @Test func `a server that hands out no claims is filled all the same`() {
    var course = course()
    #expect(course.answered(.nothing, .none, cas: 0, for: .answer) == .compute)
    #expect(course.write == .always)
  }

  @Test(arguments: purposes) func `without an answer each computes what is waited for`(purpose: Flights.Purpose) {
    var course = course(asked: purpose)
    #expect(course.answered(.noAnswer, .none, cas: 0, for: purpose) == (purpose == .prefetch ? .end : .compute))
    #expect(course.debt == .none)
  }

  @Test func `a value that is no list is replaced, unless it has changed meanwhile`() {
    var course = course()
    #expect(course.answered(.unusable, .none, cas: 5, for: .answer) == .compute)
    #expect(course.write == .ifUnchanged(cas: 5) && course.debt == .none)
  }

  // MARK: A fleet

  /// One key of a memcached that hands out claims, and flights of several workers in any order.
  private struct Key {
    enum State: Equatable { case absent, stub, list }
    var state = State.absent
    var cas: UInt64 = 0

    mutating func get() -> (FlightCourse.Found, FlightCourse.Token, UInt64) {
      switch state {
      case .list: return (.fresh, .none, cas)
      case .stub: return (.nothing, .anothers, cas)
      case .absent:
        state = .stub
        cas += 1
        return (.nothing, .won, cas)
      }
    }

    mutating func set(_ write: FlightCourse.Write) {
      switch write {
      case .ifUnchanged(let seen) where seen != cas: return
      case .not: return
      default:
        state = .list
        cas += 1
      }
    }
  }

  @Test(arguments: UInt64(1)...50) func `flights of many workers that meet at a cold key compute it once`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var key = Key()
    var computations = 0
    enum Place: Equatable { case asking, computing, over }
    var flights = (0..<40).map { _ in (course: course(), place: Place.asking) }
    while let next = flights.indices.filter({ flights[$0].place != .over }).randomElement(using: &random) {
      // Whoever computes goes before the others' third wait: a computation takes less than 14 ms.
      let turn = flights.indices.first { flights[$0].place == .computing && flights.contains { $0.course.waits == 2 } }
      let at = turn ?? next
      switch flights[at].place {
      case .asking:
        let (found, token, cas) = key.get()
        switch flights[at].course.answered(found, token, cas: cas, for: .answer) {
        case .compute: flights[at].place = .computing
        case .wait: break
        default: flights[at].place = .over
        }
      case .computing:
        computations += 1
        key.set(flights[at].course.write)
        flights[at].place = .over
      case .over: break
      }
    }
    #expect(computations == 1 && key.state == .list, "seed \(seed)")
  }
}

extension FlightCourse {
  /// With half of the default deadline to wait in.
  fileprivate mutating func answered(
    _ found: Found, _ token: Token, cas: UInt64, for purpose: Flights.Purpose, chance: Double = 0
  ) -> Step {
    answered(found, token, cas: cas, for: purpose, patienceMilliseconds: 25, chance: chance)
  }
}
