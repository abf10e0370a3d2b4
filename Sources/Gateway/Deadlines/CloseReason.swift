import Reactor

/// Why a client's connection ended. Where several things happened, the first that made it end.
enum CloseReason: UInt8, Sendable, CaseIterable {
  /// The client closed, having been answered what it asked whole.
  case client
  /// The connection broke: a reset, or an error of the network.
  case broken
  /// The last answer said `Connection: close`, because the request did or is HTTP/1.0.
  case requested
  /// A request could not be read; the answer (4xx or 5xx) was the last.
  case malformed
  /// A head did not arrive within `http.headTimeout`; 408.
  case headTimeout
  /// A body did not arrive within `http.bodyTimeout`, or more slowly than `http.rateMin`; 408.
  case bodyTimeout
  /// The client did not take its answers: less than `http.rateMin` for `http.writeTimeout`.
  case writeTimeout
  /// No request for `http.idleTimeout`, or for what was left of it under pressure.
  case idle
  /// The longest idle connection made room for a new one above `http.connectionsMax`.
  case room
  /// It held more of `http.bufferBytes` than there was, for longer than the others; 503 where that could be said.
  case buffers
  /// The node drains.
  case drain
  /// The node stopped, with the connection still open.
  case stop

  /// What the stream knows, when nothing made it end here.
  init(_ end: StreamEnd) {
    switch end {
    case .closedByPeer: self = .client
    case .failed: self = .broken
    case .closedHere: self = .stop
    }
  }

  /// As the label of `connections_closed_total` has it.
  var name: StaticString {
    switch self {
    case .client: "client"
    case .broken: "broken"
    case .requested: "requested"
    case .malformed: "malformed"
    case .headTimeout: "head_timeout"
    case .bodyTimeout: "body_timeout"
    case .writeTimeout: "write_timeout"
    case .idle: "idle"
    case .room: "room"
    case .buffers: "buffers"
    case .drain: "drain"
    case .stop: "stop"
    }
  }
}

/// How many connections ended for each reason.
struct CloseCounts: Sendable, Equatable {
  private var counts = InlineArray<12, UInt64>(repeating: 0)

  static func == (left: CloseCounts, right: CloseCounts) -> Bool {
    CloseReason.allCases.allSatisfy { left[$0] == right[$0] }
  }

  subscript(_ reason: CloseReason) -> UInt64 { counts[Int(reason.rawValue)] }

  mutating func count(_ reason: CloseReason) { counts[Int(reason.rawValue)] += 1 }

  mutating func add(_ other: CloseCounts) {
    for index in counts.indices { counts[index] += other.counts[index] }
  }
}
