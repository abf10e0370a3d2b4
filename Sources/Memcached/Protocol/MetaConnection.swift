internal import Bytes

/// One connection's side of the meta protocol, without socket and clock: commands go in and bytes come out, bytes go in
/// and answers come out. The caller moves the bytes and says what time it is.
///
/// The defence against serving one key's value for another: every command has one answer, answers come in order, and an
/// answer's opaque must be that of the oldest unanswered request. Anything else ends the connection (`Step.broken`),
/// as does a request that waited too long, for its answer may still come. After that the state machine takes and gives
/// nothing; a new connection starts a new one.
///
///     greeting ──VERSION──► probing ──EN O──► ready ──broken, timeout──► closed
struct MetaConnection: ~Copyable {
  enum Stage: Equatable { case greeting, probing, ready, closed }

  /// One answer. `value` lies in the bytes that were given to `step`.
  struct Answer: Equatable {
    let request: PendingRequest
    let status: CacheReply.Status
    let durationNanoseconds: UInt64
    var flags = MetaFlags()
    var value: Range<Int> = 0..<0
  }

  enum Step: Equatable {
    /// Give the same bytes plus more.
    case needMore
    /// A part of the greeting was right.
    case greeted(consumed: Int)
    /// The server is one we can talk to; requests are accepted from now on.
    case ready(consumed: Int)
    case answer(Answer, consumed: Int)
    /// The connection must be closed; the failure is that of the oldest request. All pending ones get no answer.
    case broken(MemcachedFailure, GreetingProblem? = nil)
  }

  /// A key that nobody writes: the probe asks for it with exactly the flags of every later get.
  static let probeKey: StaticString = "nt1:probe"

  private(set) var stage = Stage.greeting
  private var output = ByteBuffer(capacity: 4096)
  private(set) var version: ServerVersion?
  private var pending: PendingRing
  private var reader: MetaReplyReader
  private var probedNanoseconds: UInt64 = 0
  private let timeoutNanoseconds: UInt64
  private let valueBytesMax: Int

  /// Composes the greeting, `version` and a probing `mg`; send it as soon as the connection stands.
  init(
    pendingMax: Int = 4096, timeoutNanoseconds: UInt64 = 8_000_000, valueBytesMax: Int = MetaLimits.valueBytesMax,
    firstOpaque: UInt32 = 0
  ) {
    pending = PendingRing(countMax: pendingMax, firstOpaque: firstOpaque)
    reader = MetaReplyReader(valueBytesMax: valueBytesMax)
    self.timeoutNanoseconds = timeoutNanoseconds
    self.valueBytesMax = valueBytesMax
    output.append("version\r\n" as StaticString)
    probe()
  }

  private mutating func probe() {
    output.append("mg " as StaticString)
    output.append(Self.probeKey)
    output.append(" v t c f O" as StaticString)
    output.append(decimal: pending.nextOpaque)
    output.append("\r\n" as StaticString)
    pending.append(PendingRequest(kind: .probe, ticket: nil, askedNanoseconds: 0))
  }

  /// The greeting is handed to the stream now: the probe's answer is waited for from here on.
  mutating func greetingLeaves(now: UInt64) { probedNanoseconds = now }

  var pendingCount: Int { stage == .ready ? pending.count : 0 }

  // MARK: Requests

  /// Why a request with this key cannot be taken now; nil when it can.
  func refusal(of key: RawSpan) -> MemcachedFailure? {
    guard stage == .ready else { return .down }
    guard MetaLimits.isKey(key) else { return .badKey }
    return pending.isFull ? .overloaded : nil
  }

  mutating func get(
    key: RawSpan, recacheSeconds: Int?, vivifySeconds: Int?, echoesKey: Bool = false, ticket: UInt64?, now: UInt64
  ) throws(MemcachedFailure) {
    if let refusal = refusal(of: key) { throw refusal }
    output.appendMetaGet(
      key: key, recacheSeconds: recacheSeconds, vivifySeconds: vivifySeconds, echoesKey: echoesKey,
      opaque: pending.nextOpaque)
    pending.append(
      PendingRequest(kind: .get, ticket: ticket, askedNanoseconds: now, keyHash: echoesKey ? xxh3(key) : 0))
  }

  mutating func set(
    key: RawSpan, value: RawSpan, flags: UInt32, ttlSeconds: Int, mode: SetMode, ticket: UInt64?, now: UInt64
  ) throws(MemcachedFailure) {
    if let refusal = refusal(of: key) { throw refusal }
    guard value.byteCount <= valueBytesMax else { throw .valueTooLarge }
    output.appendMetaSet(
      key: key, value: value, flags: flags, ttlSeconds: ttlSeconds, mode: mode, opaque: pending.nextOpaque)
    pending.append(PendingRequest(kind: .set, ticket: ticket, askedNanoseconds: now))
  }

  mutating func delete(
    key: RawSpan, cas: UInt64?, staleSeconds: Int?, ticket: UInt64?, now: UInt64
  ) throws(MemcachedFailure) {
    if let refusal = refusal(of: key) { throw refusal }
    output.appendMetaDelete(key: key, cas: cas, staleSeconds: staleSeconds, opaque: pending.nextOpaque)
    pending.append(PendingRequest(kind: .delete, ticket: ticket, askedNanoseconds: now))
  }

  // MARK: Output

  var outputBytes: Int { output.count }

  /// Lends what has been composed since `sent`.
  borrowing func withOutput<Result>(_ body: (RawSpan) -> Result) -> Result { body(output.bytes) }

  /// The output has been handed to the stream.
  mutating func sent() { output.removeAll() }

  // MARK: Answers

  /// Recognises the one reply at the front of `bytes`, which are all bytes not yet consumed.
  mutating func step(_ bytes: RawSpan, now: UInt64) -> Step {
    switch stage {
    case .greeting: return greeted(bytes)
    case .probing, .ready: break
    case .closed: return .needMore
    }
    do throws(MetaSyntaxError) {
      guard let reply = try reader.next(bytes) else { return .needMore }
      return stage == .probing ? probed(reply, bytes, now) : answered(reply, now: now)
    } catch {
      return stage == .probing ? refuse(.notMemcached(firstLine(bytes))) : fail(.desynchronised)
    }
  }

  private mutating func answered(_ reply: MetaReply, now: UInt64) -> Step {
    guard let oldest = pending.oldest else { return fail(.desynchronised) }
    if case .serverError(let storing) = reply.code {
      // Only a set's refusal leaves the stream in step. It names no opaque; should it not have been the oldest one's,
      // the next answer's opaque shows it.
      guard storing, oldest.kind == .set else { return fail(.serverError) }
      return take(oldest, .failed(.serverError), reply, now)
    }
    guard reply.code != .clientError else { return fail(.clientError) }
    guard reply.flags.has(.opaque), reply.flags.opaque == pending.oldestOpaque, reply.flags.keyHash == oldest.keyHash else {
      return fail(.desynchronised)
    }
    switch (oldest.kind, reply.code) {
    case (.get, .value) where reply.flags.letters.isSuperset(of: .ofValue):
      // A zero-length value is the stub that N made: to a reader nothing is there.
      return take(oldest, reply.value.isEmpty ? .miss : .hit, reply, now)
    case (.get, .miss): return take(oldest, .miss, reply, now)
    case (.set, .done): return take(oldest, .stored, reply, now)
    case (.set, .notStored), (.set, .notFound): return take(oldest, .notStored, reply, now)
    case (.set, .exists), (.delete, .exists): return take(oldest, .exists, reply, now)
    case (.delete, .done): return take(oldest, .deleted, reply, now)
    case (.delete, .notFound): return take(oldest, .miss, reply, now)
    default: return fail(.desynchronised)
    }
  }

  private mutating func take(
    _ request: PendingRequest, _ status: CacheReply.Status, _ reply: MetaReply, _ now: UInt64
  ) -> Step {
    _ = pending.removeOldest()
    let duration = now > request.askedNanoseconds ? now - request.askedNanoseconds : 0
    return .answer(
      Answer(
        request: request, status: status, durationNanoseconds: duration, flags: reply.flags, value: reply.value),
      consumed: reply.byteCount)
  }

  // MARK: The greeting

  private mutating func greeted(_ bytes: RawSpan) -> Step {
    let length: Int?
    do { length = try MetaReplyReader.lineLength(bytes) } catch { return refuse(.notMemcached(firstLine(bytes))) }
    guard let length else {
      // A peer that greets us with something else is known before its line ends.
      return starts("VERSION ", with: bytes) ? .needMore : refuse(.notMemcached(firstLine(bytes)))
    }
    guard let version = ServerVersion(line: bytes.extracting(0..<length)) else {
      return refuse(.notMemcached(firstLine(bytes)))
    }
    guard version >= ServerVersion.oldest else { return refuse(.tooOld(version.description)) }
    self.version = version
    stage = .probing
    return .greeted(consumed: length + 2)
  }

  /// The probe's answer must be a miss or a value, and name its opaque. One that takes longer than a request may is
  /// followed by another probe: requests would time out. The caller ends the attempt when it has had enough.
  private mutating func probed(_ reply: MetaReply, _ bytes: RawSpan, _ now: UInt64) -> Step {
    guard reply.flags.has(.opaque), reply.flags.opaque == pending.oldestOpaque,
      reply.code == .miss || (reply.code == .value && reply.flags.letters.isSuperset(of: .ofValue))
    else { return refuse(.probeFailed(firstLine(bytes))) }
    _ = pending.removeOldest()
    guard now < probedNanoseconds &+ timeoutNanoseconds else {
      probedNanoseconds = now
      probe()
      return .greeted(consumed: reply.byteCount)
    }
    stage = .ready
    return .ready(consumed: reply.byteCount)
  }

  // MARK: The end

  /// Whether the oldest request has waited longer than it may. All wait equally long, so the others have not.
  func isOverdue(now: UInt64) -> Bool {
    guard stage == .ready, let oldest = pending.oldest else { return false }
    return now >= oldest.askedNanoseconds &+ timeoutNanoseconds
  }

  /// Nothing is sent or recognised after this; `removeAllPending` yields what is left without an answer.
  mutating func close() {
    stage = .closed
    output.removeAll()
  }

  /// After `close`: the requests that got no answer, oldest first.
  mutating func removeAllPending() -> [PendingRequest] {
    precondition(stage == .closed)
    var requests: [PendingRequest] = []
    requests.reserveCapacity(pending.count)
    while let request = pending.removeOldest() {
      if request.kind != .probe { requests.append(request) }
    }
    return requests
  }

  private mutating func fail(_ failure: MemcachedFailure) -> Step {
    close()
    return .broken(failure)
  }

  private mutating func refuse(_ problem: GreetingProblem) -> Step {
    close()
    return .broken(.desynchronised, problem)
  }
}
