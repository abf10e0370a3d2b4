/// How rows of a log become evidence that a user likes an item.
public struct InteractionRules: Sendable, Equatable {
  /// What an explicit rating says.
  public enum Ratings: Sendable, Equatable {
    /// Ratings of at least the threshold count, weighing rating / highest rating; lower ones teach nothing, but
    /// their items count as seen: who disliked a film should not be offered it again. Without a threshold it is the
    /// middle of the scale found in the file: 2.75 for 0.5…5 stars, 3 for 1…5.
    case graded(threshold: Double? = nil)
    /// As `graded`, with weight 1.
    case binary(threshold: Double? = nil)
    /// Every rating is an interaction of weight 1: rating something is the evidence, whatever the stars.
    case all
  }

  public var ratings: Ratings = .graded()

  /// The weight of an event by its type, in lower case without blanks, `-` and `_`; 0 leaves the row out altogether.
  /// A weight column multiplies it.
  public var eventWeights: [String: Float] = [
    "impression": 0, "view": 1, "click": 1, "play": 1, "listen": 1, "detail": 1, "pv": 1, "rating": 1,
    "like": 2, "favorite": 2, "favourite": 2, "fav": 2, "wishlist": 2, "share": 2,
    "addtocart": 3, "cart": 3, "purchase": 5, "transaction": 5, "buy": 5, "order": 5,
  ]

  /// For a type that is not listed; the report names them.
  public var unknownEventWeight: Float = 1

  public init() {}
}

/// The weight of what a user did with an item over many events.
///
/// Up to 1 the sum itself, above it 1 + ln(sum): the tenth view says less than the first, and one purchase (5) weighs
/// 2.6 views and not five.
func dampedWeight(_ sum: Double) -> Float {
  sum <= 1 ? Float(sum) : Float(1 + logarithm(sum))
}
