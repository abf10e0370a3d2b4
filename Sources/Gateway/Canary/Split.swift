import Bytes
import Model
import Publishing

/// Which users see the challenger: a pure function of the user, the salt and the share, so that every node of a fleet
/// says the same and nothing has to be remembered.
///
/// A user has one place in 0 ..< 2³²; those below share × 2³² see the challenger. So a larger share keeps everybody who
/// saw it before and adds others, and nobody goes back and forth. The challenger is part of the salt: otherwise the same
/// hundredth of all users would try every new version first.
struct Split: Sendable, Equatable {
  let share: Double
  private let saltHash: UInt64
  /// Of 2³².
  private let placesBelow: UInt64

  init(share: Double, salt: String, challenger: ModelIdentity) {
    self.share = min(max(share, 0), 1)
    saltHash = xxh3("\(salt)/\(challenger)")
    placesBelow = UInt64((self.share * 4_294_967_296).rounded())
  }

  /// One multiplication more than nothing: on the way of a request that no composed answer has.
  func includes(_ user: UserHash) -> Bool { place(of: user) < placesBelow }

  /// The pseudonym is uniform already; mixing it with the salt (the finalizer of SplitMix64) makes the places of two
  /// canaries independent.
  private func place(of user: UserHash) -> UInt64 {
    var mixed = user.high ^ saltHash
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return (mixed ^ (mixed >> 31)) >> 32
  }
}

/// What of a canary stands in the arm of a recommendation id: on which side, and in an odd or an even step.
///
/// Events are counted by the step that their answer was given in. A click takes its time, and one that comes after a
/// change of share would otherwise count for a side without its impression; the steps before the last are too old.
struct CanaryArm: Equatable {
  static let none: UInt16 = 0
  /// Steps that are told apart.
  static let stepsToldApart = 2

  let step: Int
  let isChallenger: Bool

  init(step: Int, isChallenger: Bool) {
    self.step = step % CanaryArm.stepsToldApart
    self.isChallenger = isChallenger
  }

  /// Nil for an answer that no canary had a part in.
  init?(code: UInt16) {
    guard (1...4).contains(code) else { return nil }
    (step, isChallenger) = (Int(code - 1) / 2, code % 2 == 0)
  }

  var code: UInt16 { UInt16(1 + 2 * step + (isChallenger ? 1 : 0)) }
}

/// The challenger of a model, resident beside the champion, and who sees it.
struct Challenge: Sendable {
  let served: ServedModel
  let split: Split
  /// Of the canary, from 0.
  let step: Int
}
