/// What a user did with an item, as far as it says what the user wants. The numbers stand in windows and in event
/// records and never change meaning.
public enum InteractionType: UInt8, Sendable, CaseIterable {
  case click = 1
  case view = 2
  case addToCart = 3
  case purchase = 4

  /// How much it says, beside one click: the confidence of an observation that happened just now.
  public var weight: Float {
    switch self {
    case .view: 0.5
    case .click: 1
    case .addToCart: 2
    case .purchase: 3
    }
  }

  /// The spelling of the API.
  public var name: StaticString {
    switch self {
    case .click: "click"
    case .view: "view"
    case .addToCart: "add-to-cart"
    case .purchase: "purchase"
    }
  }
}
