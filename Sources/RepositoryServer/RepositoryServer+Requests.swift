internal import Bytes
internal import HTTP
internal import Logging
internal import Publishing
internal import Reactor
internal import Snapshots

/// What is done about a request, decided when its head is there.
enum RequestPlan {
  case answer(ServerAnswer)
  case read(ServerReading)
  case collect(RepositoryConnection.Collected, bytesMax: Int)
  case upload(Upload, RepositoryResource)
}

/// A file, or a part of one, on its way out.
struct ServerReading {
  let file: RepositoryFile
  let range: Range<Int>
  let status: Int
  let fields: [(name: StaticString, value: String)]
}

extension RepositoryServer {
  func plan(_ asked: ServerRequest) -> RequestPlan {
    var request = asked
    request.isAuthorised = isAuthorised(request)
    let resource = request.query == nil ? RepositoryResource(path: request.path) : nil
    switch (request.method, resource) {
    case (.get, let resource?), (.head, let resource?): return read(resource, request)
    case (.put, let resource?):
      do { return try write(resource, request) } catch {
        counts.uploadsRefused += 1
        return .answer(refused(error))
      }
    case (_, _?):
      var answer = ServerAnswer.problem(405, "A repository is read with GET and HEAD, and published into with PUT.")
      answer.fields.append(("Allow", "GET, HEAD, PUT"))
      return .answer(answer)
    case (_, nil): return .collect(.control, bytesMax: limits.controlBytesMax)
    }
  }

  private func isAuthorised(_ request: ServerRequest) -> Bool {
    switch writeAccess {
    case .nobody: return false
    // A page of any site may send requests to 127.0.0.1 from a browser on this machine; it cannot hide where it is from.
    case .everybody: return request.origin == nil
    case .token(let wanted):
      // In constant time: the token is a secret.
      let (given, wanted) = (Array((request.token ?? "").utf8), Array(wanted.utf8))
      guard given.count == wanted.count else { return false }
      return zip(given, wanted).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
  }

  // MARK: - Reading

  private func read(_ resource: RepositoryResource, _ request: ServerRequest) -> RequestPlan {
    switch resource {
    case .models: return whole(index.models(), resource, request)
    case .versions(let model):
      guard let bytes = index.versions(of: model) else { return .answer(.nothingHere) }
      return whole(bytes, resource, request)
    case .blob:
      guard let file = RepositoryFile.open(root: root, names: resource.names!) else { return .answer(.nothingHere) }
      return reading(file, resource, request)
    default:
      let file = RepositoryFile.open(root: root, names: resource.names!)
      guard let bytes = file?.bytes(max: resource.wholeBytesMax!) else { return .answer(.nothingHere) }
      return whole(bytes, resource, request)
    }
  }

  private func whole(_ bytes: [UInt8], _ resource: RepositoryResource, _ request: ServerRequest) -> RequestPlan {
    let tag = entityTag(of: bytes)
    let (status, range) = chosen(tag, bytes.count, request)
    var answer = ServerAnswer(status: status, contentType: resource.contentType)
    if let range { answer.body = Array(bytes[range]) }
    if status == 412 { answer = ServerAnswer(Refusal.precondition) }
    if status == 416 { answer = .unsatisfiable }
    answer.fields += fields(resource, tag) + rangeFields(status, range, bytes.count)
    return .answer(answer)
  }

  private func reading(_ file: RepositoryFile, _ resource: RepositoryResource, _ request: ServerRequest) -> RequestPlan
  {
    let tag = blobTag(resource, byteCount: file.byteCount)
    let (status, range) = chosen(tag, file.byteCount, request)
    let fields = fields(resource, tag) + rangeFields(status, range, file.byteCount)
    guard let range else {
      var answer =
        status == 304 ? ServerAnswer(status: 304) : status == 416 ? .unsatisfiable : ServerAnswer(.precondition)
      answer.fields += fields
      return .answer(answer)
    }
    let type = [("Content-Type" as StaticString, resource.contentType.description)]
    return .read(ServerReading(file: file, range: range, status: status, fields: type + fields))
  }

  /// Status and the bytes to send; none for 304, 412 and 416.
  private func chosen(_ tag: String, _ byteCount: Int, _ request: ServerRequest) -> (status: Int, range: Range<Int>?) {
    var conditions = request.conditions
    // Ranges are of GET alone (RFC 9110 §14.2).
    if request.method != .get { conditions.range = nil }
    return switch conditions.reading(tag, byteCount: byteCount) {
    case .whole: (200, 0..<byteCount)
    case .part(let range): (206, range)
    case .notModified: (304, nil)
    case .changed: (412, nil)
    case .unsatisfiable: (416, nil)
    }
  }

  private func fields(_ resource: RepositoryResource, _ tag: String) -> [(name: StaticString, value: String)] {
    [
      ("ETag", tag), ("Accept-Ranges", "bytes"),
      ("Cache-Control", resource.isImmutable ? "public, max-age=31536000, immutable" : "no-cache"),
    ]
  }

  private func rangeFields(_ status: Int, _ range: Range<Int>?, _ byteCount: Int) -> [(
    name: StaticString, value: String
  )] {
    switch (status, range) {
    case (206, let range?): [("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(byteCount)")]
    case (416, _): [("Content-Range", "bytes */\(byteCount)")]
    default: []
    }
  }

  // MARK: - Writing

  private func write(_ resource: RepositoryResource, _ request: ServerRequest) throws(Refusal) -> RequestPlan {
    guard writeAccess != .nobody else {
      throw Refusal(403, "This server takes nothing in: it was started without a token.")
    }
    guard request.isAuthorised else {
      throw Refusal(401, "Publishing needs the token of this server: send Authorization: Bearer and the token.")
    }
    switch resource {
    case .models, .versions: throw Refusal(405, "This list is made up by the server out of what has been published.")
    case .aliases, .aliasesSignature: break
    case .manifest(let model, let version), .manifestSignature(let model, let version):
      if !index.isCommitted(model, version) { try claims.claim(model, version, now: loop.nowNanoseconds) }
    case .blob(let model, let version, _): return try writeBlob(resource, model, version, request)
    }
    return .collect(.resource(resource), bytesMax: resource.wholeBytesMax!)
  }

  private func writeBlob(
    _ resource: RepositoryResource, _ model: String, _ version: Int, _ request: ServerRequest
  ) throws(Refusal) -> RequestPlan {
    if let length = request.contentLength { try checkRoom(for: length) }
    if index.isCommitted(model, version) {
      // Sent again by a publisher that did not hear of its success: compared, and kept as it is.
      guard intake.open(resource) != nil else {
        throw Refusal(
          409, "Version \(version) of \(model) is published already, without this blob. Take the next number.")
      }
    } else {
      try claims.claim(model, version, now: loop.nowNanoseconds)
    }
    if let source = request.copyFrom {
      guard versionNumber(source) != nil else {
        throw Refusal(400, "Needletail-Copy-From must be the number of a version, not \"\(source)\".")
      }
      return .collect(.resource(resource), bytesMax: 0)
    }
    guard request.hasBody else {
      throw Refusal(400, "A blob is the LZ4 frame of a section, or empty with Needletail-Copy-From.")
    }
    guard uploadsUnderWay < limits.uploadsMax else {
      throw Refusal(503, "\(limits.uploadsMax) blobs are being sent already. Try again shortly.")
    }
    do { return .upload(try Upload(to: intake.path(resource), disk: intake.disk), resource) } catch {
      logFailure(error)
      throw Refusal(error)
    }
  }

  private func checkRoom(for byteCount: Int) throws(Refusal) {
    guard byteCount <= limits.blobBytesMax else {
      throw Refusal(413, "A blob may have \(limits.blobBytesMax) bytes here, not \(byteCount).")
    }
    let free = freeBytesOnDisk(root)
    guard byteCount <= free - limits.reservedBytes else {
      throw Refusal(
        507, "The blob needs \(byteCount) bytes beside \(limits.reservedBytes) in reserve, and \(free) are free.")
    }
  }

  /// A body in memory is complete.
  func collected(
    _ body: [UInt8], for what: RepositoryConnection.Collected, _ asked: ServerRequest,
    from connection: RepositoryConnection
  ) {
    var request = asked
    request.isAuthorised = isAuthorised(request)
    guard case .resource(let resource) = what else {
      return connection.answer(control(request, body) ?? .nothingHere)
    }
    let (intake, conditions) = (intake, request.conditions)
    switch resource {
    case .manifest(let model, let version):
      onDisk(.manifest(model, version), connection) { intake.commit(body, as: resource, model, version) }
    case .manifestSignature, .aliasesSignature:
      onDisk(.signature, connection) { intake.storeSignature(body, as: resource, conditions) }
    case .aliases(let model): onDisk(.aliases, connection) { intake.storeAliases(body, model, conditions) }
    case .blob(let model, _, let digest):
      let source = RepositoryResource.blob(model: model, version: versionNumber(request.copyFrom!)!, digest: digest)
      onDisk(.link, connection) { intake.link(source, as: resource) }
    case .models, .versions: preconditionFailure("\(resource) is not written")
    }
  }

  /// All of a blob has arrived.
  func uploaded(_ upload: Upload, _ resource: RepositoryResource, from connection: RepositoryConnection) {
    let intake = intake
    onDisk(.blob, connection) { intake.store(upload, as: resource) }
  }

  private func onDisk(
    _ job: UploadJob, _ connection: RepositoryConnection, _ body: @escaping @Sendable () -> Intake.Outcome
  ) {
    let (number, results) = (connection.number, results)
    disk.submit { results?.post((number, job, body())) }
  }

  /// The disk's thread is done with a job. The client may have gone meanwhile; what was stored stays.
  func finish(_ number: Int, _ job: UploadJob, _ outcome: Intake.Outcome) {
    note(job, outcome)
    guard let connection = connections[number] else { return }
    switch outcome {
    case .created(let tag): connection.answer(.stored(201, tag))
    case .same(let tag): connection.answer(.stored(204, tag))
    case .refused(let refusal): connection.answer(refused(refusal))
    }
  }

  private func note(_ job: UploadJob, _ outcome: Intake.Outcome) {
    switch (job, outcome) {
    // The claim stays: blobs that are missing may follow.
    case (_, .refused): counts.uploadsRefused += 1
    case (.blob, .created): counts.blobsStored += 1
    case (.link, .created): counts.blobsLinked += 1
    case (.manifest(let model, let version), _):
      claims.release(model, version)
      guard case .created = outcome else { return }
      counts.versionsCommitted += 1
      log.info("a version was published over HTTP", metadata: ["model": "\(model)", "version": "\(version)"])
    default: break
    }
  }

  private func refused(_ refusal: Refusal) -> ServerAnswer {
    var answer = ServerAnswer(refusal)
    if refusal.status == 401 { answer.fields.append(("WWW-Authenticate", "Bearer")) }
    if refusal.status == 405 { answer.fields.append(("Allow", "GET, HEAD")) }
    return answer
  }
}

/// What the disk's thread was given to do.
enum UploadJob: Sendable {
  case blob, link, signature, aliases
  case manifest(String, Int)
}

extension ServerAnswer {
  static let nothingHere = ServerAnswer.problem(404, "There is nothing at this path.")
  static let unsatisfiable = ServerAnswer.problem(416, "The range begins beyond the end.")

  static func stored(_ status: Int, _ tag: String) -> ServerAnswer {
    var answer = ServerAnswer(status: status)
    answer.fields = [("ETag", tag)]
    return answer
  }
}
