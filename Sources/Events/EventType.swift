/// What a user did. The spelling is the one of the API.
public enum EventType: UInt8, Sendable, CaseIterable {
  case impression = 0
  case click = 1
  case view = 2
  case addToCart = 3
  case purchase = 4

  public var name: StaticString {
    switch self {
    case .impression: "impression"
    case .click: "click"
    case .view: "view"
    case .addToCart: "add-to-cart"
    case .purchase: "purchase"
    }
  }

  public init?(_ name: String) {
    guard let type = EventType.allCases.first(where: { $0.name.description == name }) else { return nil }
    self = type
  }

  /// Whether the event says what the user is interested in, and so belongs in the window.
  public var entersWindow: Bool { self != .impression }
}
