/// What reading found: for the summary a run prints, and for the provenance of the snapshot.
public struct ReadReport: Sendable, Equatable {
  public struct EventType: Sendable, Equatable {
    public let name: String
    public let count: Int
    public let weight: Float
    /// False for a type the rules do not list, which got the weight for unknown ones.
    public let isKnown: Bool
  }

  public enum Format: String, Sendable {
    case delimited, adjacency
    case jsonLines = "json-lines"
    case eventSegments = "event-segments"
  }

  public var path = ""
  public var format: Format = .delimited
  /// Rows of data, broken ones included.
  public var rows = 0
  /// Of these, events of gateways that were added to another source (`DatasetOptions.events`).
  public var eventRows = 0
  public var broken = BrokenRows()
  /// Rows of a type that weighs nothing, such as impressions.
  public var ignored = 0
  /// Second deliveries of the same event, dropped.
  public var repeats = 0
  /// Rows that are left: ratings below the threshold among them.
  public var interactions = 0
  /// Of these, how many say "seen, not liked".
  public var disliked = 0
  public var users = 0
  /// Items with an interaction.
  public var items = 0
  public var hasTimes = false
  public var isRated = false
  public var eventTypes: [EventType] = []
  /// SHA-256 of the interactions, one file behind the other, then of the items file if there is one: hexadecimal,
  /// joined by `+`.
  public var digest = ""
  public var bytes = 0
  public var seconds = 0.0

  // Items.
  public var itemsPath: String?
  public var itemRows = 0
  public var itemsBroken = BrokenRows()
  /// Items that nobody has touched.
  public var coldItems = 0
  /// Items of the log that the metadata does not know; their title is their id.
  public var itemsWithoutMetadata = 0
  /// Categories and metadata that were too long to be carried along (`CatalogueItem.fit`).
  public var metadataLeftOut = 0

  public init() {}
}
