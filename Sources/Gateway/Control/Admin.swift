import Bytes
import Configuration
import FoundationEssentials
import Glibc
import HTTP
import JSON
import Logging
import Publishing
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
      connection.answer(models(request, Array(rest.dropFirst(2))))
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

  // MARK: Models.

  private func models(_ request: AdminRequest, _ path: [String]) -> AdminAnswer {
    switch (request.method, path.count) {
    case (.get, 0): return json(["schemaVersion": .number(1), "models": .list(control.models.map(describe))])
    case (.get, 1): return one(path[0], describe)
    case (.post, 1): return act(path[0])
    case (.get, 2) where path[1] == "versions": return one(path[0]) { ["versions": .list(versions(of: $0))] }
    case (.get, 3) where path[1] == "versions": return version(path[0], path[2])
    case (.put, 3) where path[1] == "aliases": return setAlias(path[0], path[2], request)
    default: return .problem(404, "There is no such call. GET /admin/v1/models lists the models.")
    }
  }

  private func one(_ name: String, _ describe: (String) -> [String: JSONText]) -> AdminAnswer {
    guard control.models.contains(name) else { return .problem(404, "There is no model \"\(name)\".") }
    return json(describe(name))
  }

  private func describe(_ model: String) -> JSONText { .object(describe(model)) }

  private func describe(_ model: String) -> [String: JSONText] {
    let serving = control.catalogue.models[model]?.identity
    return [
      "name": .text(model), "serving": serving.map { .number($0.version) } ?? .null,
      "previous": control.previous[model].map { .number($0.version) } ?? .null,
      "pinned": control.watchers[model]?.pinned.map { .number($0) } ?? .null,
      "refused": control.watchers[model]?.refused.map { .object(describe($0.version, control.refusal(of: $0))) } ?? .null,
      "versions": .list(versions(of: model)),
    ]
  }

  private func versions(of model: String) -> [JSONText] {
    let known = control.lifecycles.values.filter { $0.identity.name == model }
    let described =
      known.map { ($0.identity.version, describe($0)) } + faults(of: model).map { ($0.key, describe($0.key, $0.value)) }
    return described.sorted { $0.0 < $1.0 }.map { .object($0.1) }
  }

  private func faults(of model: String) -> [Int: PublishError] { control.faults[model] ?? [:] }

  /// A version whose manifest does not check out has no digest to be known by, and never becomes anything.
  private func describe(_ version: Int, _ fault: PublishError) -> [String: JSONText] {
    [
      "version": .number(version), "digest": .null, "state": .text(ModelState.rejected.rawValue),
      "reason": .text(fault.reason.rawValue), "detail": .text(fault.detail),
    ]
  }

  private func describe(_ lifecycle: Lifecycle) -> [String: JSONText] {
    let times = control.times[lifecycle.identity]
    return [
      "version": .number(lifecycle.identity.version), "digest": .text(lifecycle.identity.digest.description),
      "state": .text(lifecycle.state.rawValue), "reason": lifecycle.reason.map { .text($0.rawValue) } ?? .null,
      "detail": .text(lifecycle.detail), "progress": .fraction(lifecycle.progress),
      "signer": control.signers[lifecycle.identity].map { .text("\($0)") } ?? .null,
      "pullMilliseconds": times.map { .number($0.pull) } ?? .null,
      "loadMilliseconds": times.map { .number($0.load) } ?? .null,
      "warmMilliseconds": times.map { .number($0.warm) } ?? .null,
    ]
  }

  private func version(_ model: String, _ text: String) -> AdminAnswer {
    let found = control.lifecycles.values.filter { $0.identity.name == model && "\($0.identity.version)" == text }
    // A repository that was rebuilt may have used the number twice; the one in use tells more.
    guard let lifecycle = found.first(where: { !$0.state.isFinal }) ?? found.first else {
      if let number = Int(text), let fault = faults(of: model)[number] { return json(describe(number, fault)) }
      return .problem(404, "There is no version \(text) of \"\(model)\" on this node.")
    }
    return json(describe(lifecycle))
  }

  /// `POST …/models/{model}:rollback` and `:unpin`.
  private func act(_ text: String) -> AdminAnswer {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, control.models.contains(parts[0]) else {
      return .problem(404, "There is no such call. Try POST /admin/v1/models/{model}:rollback.")
    }
    switch parts[1] {
    case "rollback":
      guard let previous = control.previous[parts[0]] else {
        return .problem(409, "There is no earlier version of \"\(parts[0])\" on this node to roll back to.")
      }
      control.pin(parts[0], previous.version)
    case "unpin": control.pin(parts[0], nil)
    default: return .problem(404, "There is no action \"\(parts[1])\"; there are rollback and unpin.")
    }
    return one(parts[0], describe)
  }

  private func setAlias(_ model: String, _ alias: String, _ request: AdminRequest) -> AdminAnswer {
    struct Body: Decodable { let version: Int }
    guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body)) else {
      return .problem(400, #"The body must be an object like {"version":42}."#)
    }
    let usable = control.lifecycles.values.contains {
      $0.identity.name == model && $0.identity.version == body.version && $0.state.isUsable
    }
    guard usable else {
      return .problem(409, "Version \(body.version) of \"\(model)\" is neither READY nor SERVING on this node.")
    }
    do {
      try control.repository.setAlias(alias, of: model, to: body.version)
      control.lookNow()
      return one(model, describe)
    } catch {
      guard error.reason != .signatureMissing else {
        return .problem(409, "Aliases of \"\(model)\" are signed, and a gateway has no key: `needletail alias` signs them.")
      }
      return .problem(500, "The alias could not be written: \(error)")
    }
  }

  private func json(_ object: [String: JSONText], status: Int = 200) -> AdminAnswer {
    .json(JSONText.object(object).text, status: status)
  }
}

/// JSON of the admin API, composed from plain values.
enum JSONText {
  case null
  case number(Int)
  case fraction(Double)
  case text(String)
  case list([JSONText])
  case object([String: JSONText])

  var text: String {
    switch self {
    case .null: return "null"
    case .number(let number): return "\(number)"
    case .fraction(let number): return "\(number)"
    case .text(let text):
      var escaped = ByteBuffer(capacity: text.utf8.count + 2)
      escaped.append("\"" as StaticString)
      escaped.append(jsonEscaped: text)
      escaped.append("\"" as StaticString)
      return String(copying: escaped.bytes)
    case .list(let items): return "[" + items.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      return "{"
        + members.sorted { $0.key < $1.key }.map { JSONText.text($0.key).text + ":" + $0.value.text }.joined(
          separator: ",") + "}"
    }
  }
}
