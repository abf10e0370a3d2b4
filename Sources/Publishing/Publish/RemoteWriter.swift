/// Writes to a store: tries again what was interrupted, and changes small files only from what was read.
struct RemoteWriter {
  /// Publishers that move aliases at once; each round one of them gets through.
  private static let changesMax = 16
  /// A server that asks for more patience than this gets it at the next publish.
  private static let retryAfterSecondsMax = 30

  let store: any ObjectStore
  private let pause: @Sendable (_ milliseconds: Int) -> Void

  init(_ store: any ObjectStore, pause: @escaping @Sendable (Int) -> Void = sleep(milliseconds:)) {
    self.store = store
    self.pause = pause
  }

  /// Puts an object and says what the server answered; an answer that asks for patience is not the last word.
  func put(_ path: String, _ upload: Upload, _ fields: [String] = []) throws(PublishError) -> WebReply {
    var call = WebCall(.put, store.url(path))
    call.upload = upload
    call.fields = fields
    call.isBulk = true
    return try patiently(call, path)
  }

  /// What a HEAD says; nil when there is no such object.
  func head(_ path: String) throws(PublishError) -> WebReply? {
    let reply = try patiently(WebCall(.head, store.url(path)), path)
    if reply.status == 404 || reply.status == 410 { return nil }
    guard reply.isSuccess else { throw reply.failure(at: "\(store.place)/\(path)") }
    return reply
  }

  private func patiently(_ call: WebCall, _ path: String) throws(PublishError) -> WebReply {
    var resumption = Resumption()
    while true {
      let failure: PublishError
      var patience = 0
      do throws(PublishError) {
        let reply = try store.perform(call, path: path)
        failure = reply.failure(at: "\(store.place)/\(path)")
        guard failure.cause == .interrupted else { return reply }
        patience = reply.fields["retry-after"].flatMap { Int($0) }.map { $0 * 1000 } ?? 0
      } catch { failure = error }
      guard failure.cause == .interrupted, let wait = resumption.waitMilliseconds(afterGaining: 0) else {
        throw failure
      }
      pause(max(wait, min(patience, Self.retryAfterSecondsMax * 1000)))
    }
  }

  /// Writes a small file only if nobody has changed it since it was read, and starts anew if somebody has. `edit` makes
  /// the new bytes from the present ones (nil: there are none); nil from it leaves the file alone. Whether it was written.
  func change(
    _ path: String, bytesMax: Int, _ edit: ([UInt8]?) throws(PublishError) -> [UInt8]?
  ) throws(PublishError) -> Bool {
    for attempt in 0..<Self.changesMax {
      if attempt > 0 { pause(Int.random(in: 10...100)) }
      let present = try store.file(path, bytesMax: bytesMax)
      guard let next = try edit(present?.bytes) else { return false }
      let condition = present == nil ? "If-None-Match: *" : present?.tag.map { "If-Match: \($0)" }
      let reply = try put(path, Upload(next), [condition].compactMap { $0 })
      if reply.isSuccess { return true }
      // 409: S3's word for two conditional writes that met.
      guard reply.status == 412 || (reply.status == 409 && !reply.isFinalConflict) else {
        throw refusal(reply, path)
      }
    }
    throw PublishError(.fetchFailed, "\(store.place)/\(path): others keep changing it", cause: .interrupted)
  }

  /// An answer to a PUT that did not do it.
  func refusal(_ reply: WebReply, _ path: String) -> PublishError {
    let failure = reply.failure(at: "\(store.place)/\(path)")
    return PublishError(
      reply.reason ?? failure.reason, failure.detail,
      cause: failure.cause ?? (reply.status == 404 || reply.status == 405 || reply.status == 501 ? .cannotWrite : nil))
  }
}

extension WebReply {
  /// A conflict that trying again does not solve: our server says so in a problem, S3 in an XML error of another kind.
  var isFinalConflict: Bool { fields["content-type"]?.contains("problem+json") == true }

  /// The reason code that our server names: `"type":"/problems/digest_mismatch"`.
  var reason: RejectReason? {
    inner(of: String(decoding: complaint, as: UTF8.self), between: "/problems/", and: "\"")
      .flatMap { RejectReason(rawValue: $0) }
  }
}
