import Bytes
import Configuration
import Glibc
import HTTP
import JSON
import Logging
import Reactor

/// The admin listener: metrics and the models API (interfaces: `/metrics`, `/admin/v1/…`).
final class Admin {
  /// Scrapers and operators; further connections are closed at once. Each may hold a MiB of input.
  static let connectionsMax = 64

  unowned let control: Control
  /// What calls must carry; a reload may change it.
  var token: String?
  private let claim: AddressClaim
  private var listeners: [Listener] = []
  private var connections: [ObjectIdentifier: AdminConnection] = [:]
  private var patience: Timer?
  var composer = ResponseComposer(unixSeconds: time(nil))
  lazy var availabilityParser = JSONParser(maximumBytes: AvailabilityChange.bodyBytesMax)

  init(control: Control, claim: AddressClaim, token: String?) {
    self.control = control
    self.claim = claim
    self.token = token
    patience = Timer(loop: control.loop) { [unowned self] in
      let now = loop.nowNanoseconds
      for connection in connections.values { connection.checkPatience(now: now) }
    }
    patience?.start(milliseconds: 1000, repeating: true)
  }

  /// Begins to accept.
  func open() throws(LoopError) {
    for socket in try claim.open(0, of: 1) {
      listeners.append(
        try Listener(loop: control.loop, adopting: socket.take()) { [unowned self] stream in
          guard connections.count < Admin.connectionsMax else { return }
          let connection = AdminConnection(stream, owner: self)
          connections[ObjectIdentifier(connection)] = connection
          connection.start()
        })
    }
  }

  /// Accepts no more; calls under way are answered.
  func close() { listeners = [] }

  var loop: EventLoop { control.loop }

  /// The longest body that a path takes: `AdminConnection.inboxBytesMax` leaves room for any of them, with its head.
  func bodyBytesMax(_ path: String) -> Int {
    path == "/admin/v1/availability" ? AvailabilityChange.bodyBytesMax : HTTPLimits().bodyBytes
  }

  func ended(_ connection: AdminConnection) { connections[ObjectIdentifier(connection)] = nil }

  /// Answers a call, now or when the workers have said what they know.
  func take(_ request: AdminRequest, from connection: AdminConnection) {
    composer.refreshDate(unixSeconds: time(nil))
    guard isAllowed(request) else {
      var answer = AdminAnswer.problem(401, "Admin calls need the bearer token of admin.tokenFile.")
      answer.fields = [("WWW-Authenticate", "Bearer")]
      return connection.answer(answer)
    }
    switch (request.method, request.path.first, Array(request.path.dropFirst())) {
    case (.get, "metrics", []), (.head, "metrics", []):
      control.collect { [unowned control] result in
        let page = MetricsPage(control: control, result: result)
        connection.answer(AdminAnswer(contentType: "text/plain; version=0.0.4", body: page.compose()))
      }
    case (.get, "livez", []), (.head, "livez", []): connection.answer(.json(#"{"status":"ok"}"#))
    case (.post, "admin", ["v1", "config:reload"]): reload(connection)
    case (_, "admin", ["v1", "availability"]): availability(request, connection)
    case (_, "admin", let rest) where rest.first == "v1" && rest.dropFirst().first == "models":
      models(request, Array(rest.dropFirst(2)), connection)
    default: connection.answer(.problem(404, "There is nothing at this path. Try /metrics or /admin/v1/models."))
    }
  }

  private func isAllowed(_ request: AdminRequest) -> Bool {
    guard let token else { return true }
    // Compared in constant time: the token is a secret.
    let given = Array((request.token ?? "").utf8), wanted = Array(token.utf8)
    guard given.count == wanted.count else { return false }
    return zip(given, wanted).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  /// Answers when the configuration has been read: 200 with the keys that changed, 422 with the mistakes in it.
  private func reload(_ connection: AdminConnection) {
    control.reload { outcome in
      switch outcome {
      case .refused(let reason): connection.answer(.problem(422, reason))
      case .read(let change, _):
        let body = JSONText.object([
          "schemaVersion": .number(1), "changed": .list(change.applied.map { .text($0) }),
          "needsRestart": .list(change.waiting.map { .text($0) }),
        ])
        connection.answer(.json(body.text))
      }
    }
  }
}
