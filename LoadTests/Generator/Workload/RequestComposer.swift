internal import Bytes

/// Turns the number of a request into its bytes: pure in the seed, the number and the planned time.
struct RequestComposer: Sendable {
  /// What stands of a request when its bytes are written: enough to check its answer.
  struct Composed {
    /// In `templates`.
    var template: Int
    var user: IDDraw.Identity?
    /// Hash of the item asked about.
    var item: UInt64?
  }

  /// What a phase asks for.
  private struct Mix: Sendable {
    var users: IDDraw
    var items: IDDraw
    /// Places in `templates`, with the sum of the weights up to and with each.
    var templates: [Int]
    var cumulative: [Double]
  }

  /// Of all phases; the place of one is its number everywhere.
  private(set) var templates: [RequestTemplate] = []
  private var mixes: [Mix] = []
  private let timetable: PhaseTimetable
  private let seed: UInt64
  /// The head of each request up to its end, less what changes.
  private let hostLine: [UInt8]

  init(_ workload: Workload, host: String, seed: UInt64) {
    timetable = PhaseTimetable(workload.phases)
    self.seed = seed
    hostLine = Array(" HTTP/1.1\r\nHost: \(host)\r\n".utf8)
    for phase in workload.phases.isEmpty ? [Phase(seconds: 1)] : workload.phases {
      let requests = phase.requests ?? workload.requests
      var sum = 0.0
      let cumulative = requests.map { request in
        sum += request.weight
        return sum
      }
      mixes.append(
        Mix(
          users: IDDraw(phase.users ?? workload.users), items: IDDraw(phase.items ?? workload.items),
          templates: requests.map { template in
            if let known = templates.firstIndex(of: template) { return known }
            templates.append(template)
            return templates.count - 1
          }, cumulative: cumulative))
    }
  }

  /// Appends the whole request.
  func compose(index: UInt64, seconds: Double, into out: inout ByteBuffer) -> Composed {
    var random = Random64(seed: seed, stream: index)
    let mix = mixes[timetable.place(at: seconds).index]
    let pick = random.unit() * mix.cumulative.last!
    let choice = mix.cumulative.firstIndex { pick < $0 } ?? mix.cumulative.count - 1
    let template = mix.templates[choice]
    let request = templates[template]
    var composed = Composed(template: template)
    // Drawn whether used or not, so that a template's subject changes nobody else's numbers.
    let user = mix.users.draw(index: index, seconds: seconds, &random)
    let item = mix.items.draw(index: index, seconds: seconds, &random)
    if let target = request.target {
      out.append("GET " as StaticString)
      out.append(target)
      out.append(hostLine)
      out.append("\r\n" as StaticString)
    } else if request.isBatch {
      if request.lists.contains(where: { $0.subject == .user }) { composed.user = user }
      composeBatch(request, mix, user, item, into: &out)
    } else {
      if request.lists[0].subject == .user { composed.user = user }
      composeList(request, mix, user, item, index, into: &out)
      if request.lists[0].subject == .item { composed.item = hash(of: item, mix) }
    }
    return composed
  }

  private func hash(of item: IDDraw.Identity, _ mix: Mix) -> UInt64 {
    var id = ByteBuffer(capacity: 64)
    mix.items.write(item, to: &id)
    return id.withBytes { hashOfBytes($0) }
  }

  /// A user's id as it stands in requests.
  func userID(_ user: IDDraw.Identity, seconds: Double) -> String {
    var id = ByteBuffer(capacity: 64)
    mixes[timetable.place(at: seconds).index].users.write(user, to: &id)
    return id.withBytes { bytes in bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
  }

  private func composeList(
    _ request: RequestTemplate, _ mix: Mix, _ user: IDDraw.Identity, _ item: IDDraw.Identity, _ index: UInt64,
    into out: inout ByteBuffer
  ) {
    let list = request.lists[0]
    out.append("GET /v1/placements/" as StaticString)
    out.append(list.placement)
    out.append("/recommendations" as StaticString)
    var separator = UInt8(ascii: "?")
    func begin(_ name: StaticString) {
      out.append(separator)
      out.append(name)
      separator = UInt8(ascii: "&")
    }
    switch list.subject {
    case .user:
      begin("userId=")
      mix.users.write(user, to: &out)
    case .item:
      begin("itemId=")
      mix.items.write(item, to: &out)
    case .anonymous: break
    }
    if let results = list.results {
      begin("numResults=")
      out.append(decimal: results)
    }
    if !request.query.isEmpty {
      begin("")
      expand(request.query, mix, user, item, index, into: &out)
    }
    out.append(hostLine)
    out.append("\r\n" as StaticString)
  }

  private func composeBatch(
    _ request: RequestTemplate, _ mix: Mix, _ user: IDDraw.Identity, _ item: IDDraw.Identity,
    into out: inout ByteBuffer
  ) {
    var body = ByteBuffer(capacity: 512)
    body.append("{\"requests\":[" as StaticString)
    for (place, list) in request.lists.enumerated() {
      body.append(place == 0 ? "{\"placement\":\"" : ",{\"placement\":\"" as StaticString)
      body.append(list.placement)
      body.append("\"" as StaticString)
      switch list.subject {
      case .user:
        body.append(",\"userId\":\"" as StaticString)
        mix.users.write(user, to: &body)
        body.append("\"" as StaticString)
      case .item:
        body.append(",\"itemId\":\"" as StaticString)
        mix.items.write(item, to: &body)
        body.append("\"" as StaticString)
      case .anonymous: break
      }
      if let results = list.results {
        body.append(",\"numResults\":" as StaticString)
        body.append(decimal: results)
      }
      body.append("}" as StaticString)
    }
    body.append("]}" as StaticString)
    composePost("/v1/recommendations:batch", body.bytes, into: &out)
  }

  func composePost(_ target: StaticString, _ body: RawSpan, into out: inout ByteBuffer) {
    out.append("POST " as StaticString)
    out.append(target)
    out.append(hostLine)
    out.append("Content-Type: application/json\r\nContent-Length: " as StaticString)
    out.append(decimal: body.byteCount)
    out.append("\r\n\r\n" as StaticString)
    out.append(body)
  }

  /// A request whose method and target, and body, are given.
  func compose(line: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer?, into out: inout ByteBuffer) {
    out.append(unsafe: line)
    out.append(hostLine)
    if let body {
      out.append("Content-Type: application/json\r\nContent-Length: " as StaticString)
      out.append(decimal: body.count)
      out.append("\r\n" as StaticString)
    }
    out.append("\r\n" as StaticString)
    if let body { out.append(unsafe: body) }
  }

  private func expand(
    _ query: String, _ mix: Mix, _ user: IDDraw.Identity, _ item: IDDraw.Identity, _ index: UInt64,
    into out: inout ByteBuffer
  ) {
    var rest = query[...]
    while let open = rest.firstIndex(of: "{") {
      out.append(String(rest[..<open]))
      let tail = rest[open...]
      if tail.hasPrefix("{user}") {
        mix.users.write(user, to: &out)
        rest = tail.dropFirst(6)
      } else if tail.hasPrefix("{item}") {
        mix.items.write(item, to: &out)
        rest = tail.dropFirst(6)
      } else if tail.hasPrefix("{n}") {
        out.append(decimal: index)
        rest = tail.dropFirst(3)
      } else {
        out.append(UInt8(ascii: "{"))
        rest = tail.dropFirst()
      }
    }
    out.append(String(rest))
  }
}
