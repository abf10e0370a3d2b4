import Reactor

/// What two gateways say to each other when one takes over from the other, in the order of the conversation:
///
///     successor                                   predecessor, which serves
///     take 1                              ─►
///                                         ◄─      sockets ready|waiting last|more, one line a socket, with descriptors
///     (loads its snapshot, opens its loops)
///     ready  (accepts on every socket)    ─►
///                                         ◄─      taken  (accepts no more, finishes, ends)
///
/// `refused` and its reason in place of any answer; a conversation that breaks off before `taken` changes nothing.
enum HandoverMessage: Equatable {
  /// The protocol's number: of another one nothing is known, so it is refused.
  static let version = "1"

  /// What a socket is for, and whose it is.
  struct Socket: Equatable {
    enum Role: String { case `public`, admin }
    let role: Role
    let isServiceManagers: Bool
  }

  case take
  case sockets([Socket], isReady: Bool, isLast: Bool)
  case ready
  case taken
  case refused(String)

  var text: String {
    switch self {
    case .take: "needletail take \(HandoverMessage.version)"
    case .sockets(let sockets, let isReady, let isLast):
      (["needletail sockets \(isReady ? "ready" : "waiting") \(isLast ? "last" : "more")"]
        + sockets.map { "\($0.role.rawValue) \($0.isServiceManagers ? "service-manager" : "own")" })
        .joined(separator: "\n")
    case .ready: "needletail ready"
    case .taken: "needletail taken"
    case .refused(let reason): "needletail refused \(reason)"
    }
  }

  /// Nil for what is no such message, as from a program that has nothing to do with this.
  init?(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
    guard words.count >= 2, words[0] == "needletail" else { return nil }
    switch (words[1], words.dropFirst(2).joined(separator: " ")) {
    case ("take", HandoverMessage.version) where lines.count == 1: self = .take
    case ("ready", "") where lines.count == 1: self = .ready
    case ("taken", "") where lines.count == 1: self = .taken
    case ("refused", let reason): self = .refused(reason)
    case ("sockets", let state):
      let parts = state.split(separator: " ", omittingEmptySubsequences: false)
      let sockets = lines.dropFirst().map { HandoverMessage.socket($0) }
      guard parts.count == 2, ["ready", "waiting"].contains(parts[0]), ["last", "more"].contains(parts[1]),
        !sockets.contains(nil)
      else { return nil }
      self = .sockets(sockets.compactMap { $0 }, isReady: parts[0] == "ready", isLast: parts[1] == "last")
    default: return nil
    }
  }

  private static func socket(_ line: Substring) -> Socket? {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, let role = Socket.Role(rawValue: String(words[0])),
      ["own", "service-manager"].contains(words[1])
    else { return nil }
    return Socket(role: role, isServiceManagers: words[1] == "service-manager")
  }
}
