internal import Bytes
internal import Glibc
internal import HTTP
public import Logging
internal import Publishing
public import Reactor
internal import Snapshots

/// Who may change the repository over HTTP.
public enum WriteAccess: Sendable, Equatable {
  case nobody
  /// Who sends `Authorization: Bearer <token>`.
  case token(String)
  /// Everybody who reaches the listener: only where that is this machine alone.
  case everybody
}

/// Serves the folder of a repository over HTTP/1.1, and takes versions in from publishers.
///
///     GET, HEAD   what `RepositoryResource` lists, with strong entity tags, conditions and ranges
///     PUT         the same but for what is made up, under `WriteAccess`
///
/// One loop serves all. Files are read on it in pieces of 256 KiB, as sendfile(2) would: the kernel is told to read ahead,
/// so a piece is a copy out of memory, 0.05 to 0.2 ms, and a disk that is slower than that delays the other
/// connections by one read, not by a file. Threads would buy nothing where a handful of gateways pull now and then.
/// Whatever synchronises or reads much (fsync, digests of blobs) is done by a thread of its own.
public final class RepositoryServer {
  public let address: SocketAddress
  public internal(set) var counts = ServerCounts()
  public var limits: ServerLimits

  let loop: EventLoop
  let root: String
  var composer: ResponseComposer
  let writeAccess: WriteAccess
  let log: Logger
  /// Answers what is not of the repository; nil for "there is nothing".
  let control: (ServerRequest, [UInt8]) -> ServerAnswer?
  let intake: Intake
  let disk: DiskThread
  let claims: Claims
  let index: RepositoryIndex
  private var listener: Listener?
  var connections: [Int: RepositoryConnection] = [:]
  private var lastNumber = 0
  var results: Mailbox<(connection: Int, job: UploadJob, outcome: Intake.Outcome)>?
  private var turns: Mailbox<Int>?
  private var clock: Timer?
  private var secondsToSweep = 0
  private let piece: UnsafeMutableRawBufferPointer

  static let sweepSeconds = 600

  /// Listens at once; connections are served when the loop runs. Throws `LoopError` with the address.
  public init(
    loop: EventLoop, root: String, address: SocketAddress, writeAccess: WriteAccess = .nobody,
    limits: ServerLimits = ServerLimits(), log: Logger,
    control: @escaping (ServerRequest, [UInt8]) -> ServerAnswer? = { _, _ in nil }
  ) throws(LoopError) {
    self.loop = loop
    self.root = root
    self.writeAccess = writeAccess
    self.limits = limits
    self.log = log
    self.control = control
    composer = ResponseComposer(unixSeconds: loop.unixSeconds)
    let disk = Disk()
    intake = Intake(root: root, disk: disk)
    claims = Claims(root: root, disk: disk, idleSecondsMax: limits.claimSeconds)
    index = RepositoryIndex(root: root)
    piece = .allocate(byteCount: limits.pieceBytes, alignment: 4096)
    self.disk = try DiskThread(name: "repository")
    var accept: (consuming ByteStream) -> Void = { _ in }
    let listener = try Listener(loop: loop, address: address) { stream in accept(stream) }
    self.address = listener.address
    self.listener = listener
    results = try Mailbox(loop: loop) { [unowned self] in finish($0.connection, $0.job, $0.outcome) }
    turns = try Mailbox(loop: loop) { [unowned self] in connections[$0]?.sendPieces() }
    clock = Timer(loop: loop, holdsLoop: false) { [unowned self] in everySecond() }
    clock?.start(milliseconds: 1000, repeating: true)
    accept = { [unowned self] stream in accepted(stream) }
    sweep()
  }

  deinit { piece.deallocate() }

  public var connectionCount: Int { connections.count }

  var uploadsUnderWay: Int {
    connections.values.count { if case .uploading = $0.activity { true } else { false } }
  }

  /// Accepts no more, and closes what has nothing under way.
  public func stopAccepting() {
    listener = nil
    for connection in connections.values { if case .idle = connection.activity { connection.stream.close() } }
  }

  /// Closes everything. What an upload had written is taken away; a job that the disk is at is finished.
  public func close() {
    listener = nil
    for connection in connections.values { connection.stream.close() }
    disk.close()
    clock = nil
    results = nil
    turns = nil
  }

  private func accepted(_ stream: consuming ByteStream) {
    guard connections.count < limits.connectionsMax else {
      counts.connectionsRefused += 1
      return
    }
    counts.connections += 1
    lastNumber += 1
    let connection = RepositoryConnection(stream, number: lastNumber, server: self)
    connections[lastNumber] = connection
    connection.start()
  }

  func ended(_ connection: RepositoryConnection) { connections[connection.number] = nil }

  func comeBack(to connection: RepositoryConnection) { turns?.post(connection.number) }

  private func everySecond() {
    composer.refreshDate(unixSeconds: loop.unixSeconds)
    let now = loop.nowNanoseconds
    for connection in connections.values {
      connection.checkDeadline(now: now)
      // One that stands still has been closed for it.
      if case .uploading(_, .blob(let model, let version, _)) = connection.activity {
        claims.renew(model, version, now: now)
      }
    }
    claims.expire(now: now)
    secondsToSweep -= 1
    if secondsToSweep <= 0 { sweep() }
  }

  private func sweep() {
    secondsToSweep = RepositoryServer.sweepSeconds
    guard writeAccess != .nobody else { return }
    let (now, log) = (loop.unixSeconds, log)
    let sweep = IntakeSweep(root: root, disk: Disk(), abandonedSeconds: limits.claimSeconds)
    disk.submit {
      let removed = sweep.run(nowSeconds: now)
      guard !removed.isEmpty else { return }
      log.info("removed what broken-off uploads left", metadata: ["paths": "\(removed.joined(separator: " "))"])
    }
  }

  /// Reads a piece of a file and lends it; false when the disk does not give all of it.
  func withPiece(_ file: RepositoryFile, at offset: Int, count: Int, _ body: (RawSpan) -> Void) -> Bool {
    let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<count])
    guard file.read(at: offset, into: part) == count else { return false }
    body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(part)))
    return true
  }

  func logFailure(_ error: DiskError) { log.error("an upload could not be written", metadata: ["error": "\(error)"]) }
}
