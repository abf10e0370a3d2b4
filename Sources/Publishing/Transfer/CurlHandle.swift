internal import CCurl
internal import Glibc

/// One easy handle of libcurl, with the connections that it keeps open. Blocks the thread that calls it; one thread at a
/// time.
final class CurlHandle {
  /// How a call is authenticated, beside fields of its own.
  struct Signing {
    /// As in `aws:amz:eu-central-1:s3`.
    let scheme: String
    let keyID: String
    let secret: String
  }

  private let handle: UnsafeMutableRawPointer

  init() {
    _ = Self.isReady
    handle = curl_easy_init()!  // Nil only without memory for 10 KiB.
  }

  deinit { curl_easy_cleanup(handle) }

  /// Once a process, before the first handle; a static let makes sure of it, whatever thread comes first.
  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL_BITS)) == CURLE_OK
  private static let CURL_GLOBAL_ALL_BITS = 3

  /// 256 KiB a read, as of files.
  private static let bufferBytes = 256 << 10

  /// Makes one call. An answer of any status is an answer; only what keeps one from coming is an error. The content of a
  /// 200 or 206 goes to `take`.
  func perform(
    _ call: WebCall, _ access: RepositoryAccess, signing: Signing? = nil, place: String,
    _ take: (RawSpan) throws(PublishError) -> Void
  ) throws(PublishError) -> WebReply {
    let exchange = CurlExchange(call, access, place: place)
    let code = withoutActuallyEscaping(take) { take in
      exchange.take = take
      defer { exchange.take = nil }
      return run(call, access, signing, exchange)
    }
    if let refusal = exchange.refusal { throw refusal }
    if let stall = exchange.stall { throw stall }
    guard code == CURLE_OK else { throw failure(code, place) }
    do { try exchange.intake.finish() } catch { throw error }
    return exchange.intake.reply
  }

  /// Where a redirect leads, as an absolute URL; nil when the last answer was none.
  var redirectTarget: String? {
    var text: UnsafePointer<CChar>?
    guard nt_curl_get_text(handle, CURLINFO_REDIRECT_URL, &text) == CURLE_OK, let text else { return nil }
    return String(cString: text)
  }

  private func run(
    _ call: WebCall, _ access: RepositoryAccess, _ signing: Signing?, _ exchange: CurlExchange
  ) -> CURLcode {
    curl_easy_reset(handle)  // Options, not connections.
    var list: UnsafeMutablePointer<curl_slist>?
    // Without it an upload waits for a 100 that simple servers never send.
    for field in call.fields + (call.upload == nil ? [] : ["Expect:"]) { list = curl_slist_append(list, field) }
    defer { curl_slist_free_all(list) }
    text(CURLOPT_URL, call.url)
    // Whatever a URL or a server says: neither files nor mail nor anything else that libcurl can do.
    text(CURLOPT_PROTOCOLS_STR, "http,https")
    number(CURLOPT_FOLLOWLOCATION, 0)
    number(CURLOPT_NOSIGNAL, 1)
    number(CURLOPT_BUFFERSIZE, bufferBytes(access))
    text(CURLOPT_USERAGENT, "needletail")
    pointer(CURLOPT_HTTPHEADER, list)
    if let file = access.certificatesFile { text(CURLOPT_CAINFO, file) }
    limit(call, access)
    sign(signing)
    switch call.method {
    case .get: if call.fromByte > 0 { text(CURLOPT_RANGE, "\(call.fromByte)-") }
    case .head: number(CURLOPT_NOBODY, 1)
    case .put, .post:
      if call.method == .post { text(CURLOPT_CUSTOMREQUEST, call.method.rawValue) }
      number(CURLOPT_UPLOAD, 1)
      offset(CURLOPT_INFILESIZE_LARGE, call.upload?.byteCount ?? 0)
      number(CURLOPT_UPLOAD_BUFFERSIZE, bufferBytes(access))
    }
    call.upload?.rewind()
    return withExtendedLifetime(exchange) {
      connect(exchange)
      return curl_easy_perform(handle)
    }
  }

  private func limit(_ call: WebCall, _ access: RepositoryAccess) {
    number(CURLOPT_CONNECTTIMEOUT_MS, access.requestTimeoutMilliseconds)
    if !call.isBulk { number(CURLOPT_TIMEOUT_MS, access.requestTimeoutMilliseconds) }
    if access.rateBytesMax > 0 {
      offset(CURLOPT_MAX_RECV_SPEED_LARGE, access.rateBytesMax)
      offset(CURLOPT_MAX_SEND_SPEED_LARGE, access.rateBytesMax)
    }
  }

  /// A rate is kept between reads, so one must not bring a second's worth. libcurl takes 1 KiB at the least, and 16 for
  /// sending.
  private func bufferBytes(_ access: RepositoryAccess) -> Int {
    access.rateBytesMax > 0 ? min(Self.bufferBytes, max(16 << 10, access.rateBytesMax / 8)) : Self.bufferBytes
  }

  private func sign(_ signing: Signing?) {
    guard let signing else { return }
    text(CURLOPT_AWS_SIGV4, signing.scheme)
    // Apart, because a secret may hold the colon that would part them.
    text(CURLOPT_USERNAME, signing.keyID)
    text(CURLOPT_PASSWORD, signing.secret)
  }

  private func connect(_ exchange: CurlExchange) {
    let context = Unmanaged.passUnretained(exchange).toOpaque()
    for option in [CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_XFERINFODATA] {
      pointer(option, context)
    }
    nt_curl_set_data(handle, CURLOPT_HEADERFUNCTION) { bytes, _, count, context in
      CurlExchange.of(context).head(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
    nt_curl_set_data(handle, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
      CurlExchange.of(context).content(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
    nt_curl_set_data(handle, CURLOPT_READFUNCTION) { bytes, one, count, context in
      CurlExchange.of(context).read(UnsafeMutableRawBufferPointer(start: bytes, count: one * count))
        ?? Int(CURL_READFUNC_ABORT)
    }
    nt_curl_set_seek(handle) { context, offset, _ in CurlExchange.of(context).rewind(to: Int(offset)) }
    number(CURLOPT_NOPROGRESS, 0)
    nt_curl_set_progress(handle) { context, _, received, _, sent in
      CurlExchange.of(context).goesOn(received: Int(received), sent: Int(sent)) ? 0 : 1
    }
  }

  private func failure(_ code: CURLcode, _ place: String) -> PublishError {
    let words = String(cString: curl_easy_strerror(code))
    let cause: PublishError.Cause? =
      switch code {
      case CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR,
        CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_SEND_FAIL_REWIND:
        .interrupted
      case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_SSL_CONNECT_ERROR,
        CURLE_PEER_FAILED_VERIFICATION:
        .unreachable
      default: nil
      }
    let sentence = code == CURLE_ABORTED_BY_CALLBACK ? "given up, because this process ends" : words
    return PublishError(.fetchFailed, "\(place): \(sentence)", cause: cause)
  }

  private func number(_ option: CURLoption, _ value: Int) { nt_curl_set_long(handle, option, value) }
  private func offset(_ option: CURLoption, _ value: Int) { nt_curl_set_offset(handle, option, curl_off_t(value)) }
  private func text(_ option: CURLoption, _ value: String) { nt_curl_set_text(handle, option, value) }  // Copied by it.
  private func pointer(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
    nt_curl_set_pointer(handle, option, value)
  }
}

/// What libcurl's callbacks work on. C knows no errors: the first one is parked here and the transfer told to end.
private final class CurlExchange {
  var intake: ReplyIntake
  var take: ((RawSpan) throws(PublishError) -> Void)?
  private(set) var refusal: PublishError?
  private(set) var stall: PublishError?
  private let isCancelled: @Sendable () -> Bool
  private let upload: Upload?
  private let place: String
  /// Of a bulk transfer; others have their time as a whole.
  private var watch: StallWatch?
  private let start = ContinuousClock.now

  init(_ call: WebCall, _ access: RepositoryAccess, place: String) {
    intake = ReplyIntake(call, place: place)
    upload = call.upload
    isCancelled = access.isCancelled
    self.place = place
    if call.isBulk { watch = StallWatch(access) }
  }

  static func of(_ context: UnsafeMutableRawPointer?) -> CurlExchange {
    Unmanaged<CurlExchange>.fromOpaque(context!).takeUnretainedValue()
  }

  func head(_ bytes: UnsafeRawBufferPointer) -> Bool {
    intake.head(String(decoding: bytes, as: UTF8.self))
    return true
  }

  func content(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do throws(PublishError) {
      let piece = RawSpan(_unsafeBytes: bytes)
      guard let take else { return false }
      try intake.content(piece, take)
      return true
    } catch {
      refusal = refusal ?? error
      return false
    }
  }

  /// Told by libcurl of every move, and once a second.
  func goesOn(received: Int, sent: Int) -> Bool {
    let isSent = upload.map { sent >= $0.byteCount } ?? false
    let now = Int(seconds(since: start) * 1000)
    if watch?.isStalled(now: now, moved: received + sent, isSent: isSent) == true {
      let words =
        isSent
        ? "no answer \(StallWatch.answerMilliseconds / 1000) s after all was sent"
        : "less than \(watch!.bytesMin) bytes moved in \(watch!.windowMilliseconds) ms"
      stall = PublishError(.fetchFailed, "\(place): \(words)", cause: .interrupted)
    }
    return stall == nil && !isCancelled()
  }

  func read(_ room: UnsafeMutableRawBufferPointer) -> Int? { upload?.read(into: room) }

  func rewind(to byte: Int) -> Int32 {
    upload?.rewind(to: byte)
    return 0  // CURL_SEEKFUNC_OK
  }
}
