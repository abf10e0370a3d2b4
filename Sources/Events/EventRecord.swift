public import Bytes

/// One accepted event, as segment files keep it. The user is the pseudonym: raw ids are not kept anywhere.
public struct EventRecord: Sendable, Equatable {
  public var type: EventType
  public var user: UserHash
  public var itemID: String
  /// When it happened, Unix seconds: `sentAt` when that is plausible, else when it arrived.
  public var time: UInt32
  public var eventID: String
  public var recommendationID: String?
  public var position: Int?

  public init(
    type: EventType, user: UserHash, itemID: String, time: UInt32, eventID: String, recommendationID: String? = nil,
    position: Int? = nil
  ) {
    self.type = type
    self.user = user
    self.itemID = itemID
    self.time = time
    self.eventID = eventID
    self.recommendationID = recommendationID
    self.position = position
  }

  /// Appends the record as one line of JSON.
  public func append(to line: inout ByteBuffer) {
    line.append("{\"user\":\"" as StaticString)
    line.append(user)
    line.append("\",\"item\":\"" as StaticString)
    line.append(jsonEscaped: itemID)
    line.append("\",\"event\":\"" as StaticString)
    line.append(type.name)
    line.append("\",\"timestamp\":" as StaticString)
    line.append(decimal: time)
    line.append(",\"eventId\":\"" as StaticString)
    line.append(jsonEscaped: eventID)
    line.append("\"" as StaticString)
    if let recommendationID {
      line.append(",\"recommendationId\":\"" as StaticString)
      line.append(jsonEscaped: recommendationID)
      line.append("\"" as StaticString)
    }
    if let position {
      line.append(",\"position\":" as StaticString)
      line.append(decimal: position)
    }
    line.append("}\n" as StaticString)
  }
}
