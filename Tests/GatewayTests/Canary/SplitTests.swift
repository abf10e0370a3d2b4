import Bytes
import Publishing
import Testing

@testable import Gateway

@Suite struct SplitTests {
  private let challenger = ModelIdentity(
    name: "home", version: 43, digest: SHA256Digest(hex: String(repeating: "4", count: 64))!)
  private static let users: [UserHash] = (0..<50_000).map { number in
    let key = IdentityKey(hex: "000102030405060708090a0b0c0d0e0f")!
    let id = "u\(number)"
    return key.hash(id.utf8.span.bytes)
  }

  private func split(_ share: Double, salt: String = "s") -> Split {
    Split(share: share, salt: salt, challenger: challenger)
  }

  @Test(arguments: [0.01, 0.1, 0.5]) func `a share of the users is on the challenger's side`(share: Double) {
    let count = Self.users.count { split(share).includes($0) }
    let expected = share * Double(Self.users.count)
    // Five standard deviations.
    let reach = 5 * (expected * (1 - share)).squareRoot()
    #expect(abs(Double(count) - expected) < reach, "\(count) of \(Self.users.count)")
  }

  @Test func `nobody goes back when the share grows`() {
    let shares = [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 1]
    for user in Self.users.prefix(5_000) {
      let sides = shares.map { split($0).includes(user) }
      #expect(sides.first == false && sides.last == true)
      let firstTime = sides.firstIndex(of: true)!
      #expect(sides[firstTime...].allSatisfy { $0 }, "\(user): \(sides)")
    }
  }

  @Test func `another salt or another challenger tries other users`() {
    let other = ModelIdentity(name: "home", version: 44, digest: challenger.digest)
    let (first, salted) = (split(0.1), split(0.1, salt: "t"))
    let next = Split(share: 0.1, salt: "s", challenger: other)
    let mine = Self.users.filter { first.includes($0) }
    for second in [salted, next] {
      let again = mine.count { second.includes($0) }
      let expected = 0.1 * Double(mine.count)
      #expect(abs(Double(again) - expected) < 5 * expected.squareRoot(), "\(again) of \(mine.count)")
    }
  }

  @Test func `sides and steps stand in the arm of an id, and no other arm is taken for one`() {
    for step in 0..<5 {
      for isChallenger in [false, true] {
        let arm = CanaryArm(step: step, isChallenger: isChallenger)
        #expect(CanaryArm(code: arm.code) == arm && arm.step == step % 2)
      }
    }
    let codes = [0, 1].flatMap { step in
      [false, true].map { CanaryArm(step: step, isChallenger: $0).code }
    }
    #expect(Set(codes).count == 4)
    for code: UInt16 in [0, 5, 6, 1023] { #expect(CanaryArm(code: code) == nil) }
  }
}
