import Bytes
import Configuration
import FoundationEssentials
import HTTP
import Publishing

// `/admin/v1/models/…`: what this node has of its models, and what an operator or a publisher may ask for.
extension Admin {
  func models(_ request: AdminRequest, _ path: [String], _ connection: AdminConnection) {
    switch (request.method, path.count) {
    case (.get, 0):
      connection.answer(json(["schemaVersion": .number(1), "models": .list(control.models.map(describe))]))
    case (.get, 1): connection.answer(one(path[0], describe))
    case (.post, 1): connection.answer(act(path[0], request))
    case (.get, 2) where path[1] == "versions":
      connection.answer(one(path[0]) { ["versions": .list(versions(of: $0))] })
    case (.post, 2) where path[1] == "versions": connection.answer(announce(path[0], request))
    case (.get, 3) where path[1] == "versions": version(path[0], path[2], request, connection)
    case (.put, 3) where path[1] == "aliases": setAlias(path[0], path[2], request, connection)
    default: connection.answer(.problem(404, "There is no such call. GET /admin/v1/models lists the models."))
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
      "previous": control.watchers[model]?.previous.map { .number($0.version) } ?? .null,
      "pinned": control.watchers[model]?.pinned.map { .number($0) } ?? .null,
      "refused": control.watchers[model]?.refused.map { .object(describe($0.version, control.refusal(of: $0))) }
        ?? .null,
      "lastSwap": control.lastSwaps[model].map(describe) ?? .null,
      "versions": .list(versions(of: model)), "canary": canary(of: model),
    ]
  }

  /// What the last swap that has settled did: times in microseconds, tails as bounds of the latency histogram.
  private func describe(_ swap: SwapWatch.Report) -> JSONText {
    func number(_ value: Int?) -> JSONText { value.map { .number($0) } ?? .null }
    return .object([
      "version": .number(swap.version.version), "before": number(swap.before?.version),
      "switchedMicroseconds": .number(swap.switchedMicroseconds),
      "longestPauseMicroseconds": .number(swap.longestPauseMicroseconds),
      "longestTurnMicroseconds": .number(swap.longestTurnMicroseconds),
      "p99BeforeMicroseconds": number(swap.p99BeforeMicroseconds),
      "p99DuringMicroseconds": number(swap.p99DuringMicroseconds),
      "p99AfterMicroseconds": number(swap.p99AfterMicroseconds),
    ])
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
      "pullMilliseconds": times.map { .number($0.pull) } ?? .null,
      "loadMilliseconds": times.map { .number($0.load) } ?? .null,
      "proveMilliseconds": times.map { .number($0.prove) } ?? .null,
      "warmMilliseconds": times.map { .number($0.warm) } ?? .null,
      "signer": control.signers[lifecycle.identity].map { .text("\($0)") } ?? .null,
      "listsInMemory": times.map { .number($0.lists) } ?? .null,
      "gates": control.proofs.json(of: lifecycle.identity),
    ]
  }

  // MARK: One version.

  /// The longest that a call waits for a state: a client asks again, and no connection is held for a lost cause.
  static let waitMaxMilliseconds = 300_000

  /// `GET …/versions/{v}`, with `?wait=SERVING&timeout=60s` answered when the version has come to that state or can
  /// never come to it, at the latest when the time is up; the state says which.
  private func version(_ model: String, _ text: String, _ request: AdminRequest, _ connection: AdminConnection) {
    guard let name = request.query["wait"] else { return connection.answer(version(model, text)) }
    guard let wanted = ModelState(rawValue: name), wanted <= .serving else {
      let states = ModelState.allCases.filter { $0 <= .serving }.map(\.rawValue).joined(separator: ", ")
      return connection.answer(.problem(400, "wait must be one of \(states)."))
    }
    guard let milliseconds = milliseconds(of: request.query["timeout"] ?? "60s"),
      (1...Admin.waitMaxMilliseconds).contains(milliseconds)
    else { return connection.answer(.problem(400, "timeout must be a time such as 60s, from 1ms to 300s.")) }
    guard let number = Int(text) else { return connection.answer(version(model, text)) }
    connection.isWaiting = true
    control.wait(
      until: wanted, model, number, milliseconds: milliseconds, isAbandoned: { !connection.isWaiting }
    ) { [unowned self] in
      connection.answer(version(model, text))
    }
  }

  private func version(_ model: String, _ text: String) -> AdminAnswer {
    if let number = Int(text) {
      if let lifecycle = control.lifecycle(model, number) { return json(describe(lifecycle)) }
      if let fault = faults(of: model)[number] { return json(describe(number, fault)) }
    }
    return .problem(404, "There is no version \(text) of \"\(model)\" on this node.")
  }

  /// `POST …/versions` `{"version":42}` or `{"uri":"…/models/home/42/manifest.json"}`: a publisher says that there is
  /// something new. The node looks into its own repository at once; it pulls from nowhere else.
  private func announce(_ model: String, _ request: AdminRequest) -> AdminAnswer {
    guard request.query["validateOnly"] == nil else {
      return .problem(
        400, "This node does not validate without serving; `needletail snapshot verify --against FILE` does.")
    }
    struct Body: Decodable {
      let version: Int?
      let uri: String?
    }
    let body = try? JSONDecoder().decode(Body.self, from: Data(request.body))
    guard let version = body?.version ?? body?.uri.flatMap({ Admin.version(of: model, in: $0) }) else {
      return .problem(
        400, #"The body must be an object like {"version":42} or {"uri":"…/models/\#(model)/42/manifest.json"}."#)
    }
    control.lookNow(for: model)
    var answer = json(["schemaVersion": .number(1), "model": .text(model), "version": .number(version)], status: 202)
    answer.fields = [("Location", "/admin/v1/models/\(model)/versions/\(version)")]
    return answer
  }

  /// The number in `…/models/<model>/<version>/manifest.json`.
  static func version(of model: String, in uri: String) -> Int? {
    let parts = uri.split(separator: "/").suffix(4)
    guard parts.count == 4, parts.first == "models", parts.dropFirst().first == model[...],
      parts.last == "manifest.json"
    else { return nil }
    return Int(parts.dropFirst(2).first!)
  }

  // MARK: Changes.

  /// `POST …/models/{model}:rollback`, `:pin`, `:unpin`, and of its canary `:promote`, `:abort` and
  /// `:readmit`.
  private func act(_ text: String, _ request: AdminRequest) -> AdminAnswer {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, control.models.contains(parts[0]) else {
      return .problem(404, "There is no such call. Try POST /admin/v1/models/{model}:rollback.")
    }
    let model = parts[0]
    switch parts[1] {
    case "rollback":
      guard control.rollBack(model) else {
        return .problem(409, "There is no earlier version of \"\(model)\" on this node to roll back to.")
      }
    case "pin": if let problem = pin(model, request) { return problem }
    case "unpin": control.pin(model, nil)
    case "promote", "abort", "readmit":
      if let problem = actOnCanary(of: model, parts[1], request) { return problem }
    default:
      return .problem(
        404, "There is no action \"\(parts[1])\"; there are rollback, pin, unpin, promote, abort and readmit.")
    }
    return one(model, describe)
  }

  /// Nil when the version is pinned: it serves, or is fetched and serves then.
  private func pin(_ model: String, _ request: AdminRequest) -> AdminAnswer? {
    guard let version = Admin.wantedVersion(request) else { return .problem(400, Admin.versionNeeded) }
    guard control.watchers[model]?.knows(version) == true else {
      return .problem(409, "Neither this node nor its repository has a version \(version) of \"\(model)\".")
    }
    control.pin(model, version)
    return nil
  }

  static let versionNeeded = #"The body must be an object like {"version":42}."#

  static func wantedVersion(_ request: AdminRequest) -> Int? {
    struct Body: Decodable { let version: Int }
    return try? JSONDecoder().decode(Body.self, from: Data(request.body)).version
  }

  private func setAlias(_ model: String, _ alias: String, _ request: AdminRequest, _ connection: AdminConnection) {
    guard let version = Admin.wantedVersion(request) else {
      return connection.answer(.problem(400, Admin.versionNeeded))
    }
    guard control.lifecycle(model, version)?.state.isUsable == true else {
      return connection.answer(
        .problem(409, "Version \(version) of \"\(model)\" is neither READY nor SERVING on this node."))
    }
    control.setAlias(alias, of: model, to: version) { [unowned self] failure in
      if let failure, failure.reason == .signatureMissing {
        let detail = "Aliases of \"\(model)\" are signed, and a gateway has no key; move them where the key is."
        return connection.answer(.problem(409, detail))
      }
      if let failure { return connection.answer(.problem(500, "The alias could not be written: \(failure)")) }
      control.lookNow()
      connection.answer(one(model, describe))
    }
  }

  private func json(_ object: [String: JSONText], status: Int = 200) -> AdminAnswer {
    .json(JSONText.object(object).text, status: status)
  }
}
