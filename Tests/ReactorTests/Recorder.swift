import Glibc
import Reactor
import Testing

/// A handler that writes down what it hears, and lets a test act inside its callbacks.
final class Recorder: StreamHandler {
  let stream: ByteStream
  var bytes: [UInt8] = []
  var events: [String] = []
  var ends: [String] = []
  var afterInput = AfterInput.close
  var onConnected: (Recorder) -> Void = { _ in }
  var onReceived: (Recorder, Int) -> Void = { _, _ in }
  var onDrained: (Recorder) -> Void = { _ in }
  var onInputEnded: (Recorder) -> Void = { _ in }
  var onEnded: (Recorder) -> Void = { _ in }
  var onDeinit: () -> Void = {}

  init(_ stream: consuming ByteStream) { self.stream = stream }

  deinit { onDeinit() }

  func connected() {
    events.append("connected")
    onConnected(self)
  }

  func received(_ bytes: RawSpan) {
    #expect(ends.isEmpty, "received after ended")
    if events.last != "received" { events.append("received") }
    let count = bytes.byteCount
    bytes.withUnsafeBytes { self.bytes.append(contentsOf: $0) }
    onReceived(self, count)
  }

  func drained() {
    #expect(ends.isEmpty, "drained after ended")
    events.append("drained")
    onDrained(self)
  }

  func inputEnded() -> AfterInput {
    events.append("input ended")
    onInputEnded(self)
    return afterInput
  }

  func ended(_ end: StreamEnd) {
    switch end {
    case .failed(let error): ends.append("failed \(error.name)")
    default: ends.append(end.description)
    }
    events.append("ended")
    onEnded(self)
  }

  @discardableResult
  func write(_ text: String) -> Bool { write(Array(text.utf8)) }

  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    let span = bytes.span.bytes
    return stream.write(span)
  }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Recorder {
  static func connect(_ loop: EventLoop, to address: SocketAddress) -> Recorder {
    let recorder = Recorder(ByteStream.connect(loop: loop, to: address))
    recorder.stream.start(recorder)
    return recorder
  }
}

/// A listener whose accepted streams echo, or do what `arrange` says.
func listen(
  _ loop: EventLoop, _ address: SocketAddress = .anyPort, arrange: @escaping (Recorder) -> Void
) throws -> Listener {
  try Listener(loop: loop, address: address) { stream in
    let recorder = Recorder(stream)
    arrange(recorder)
    recorder.stream.start(recorder)
  }
}

func echo(_ recorder: Recorder) {
  recorder.onReceived = { recorder, count in recorder.write(Array(recorder.bytes.suffix(count))) }
}

extension SocketAddress {
  static var anyPort: SocketAddress { SocketAddress(literal: "127.0.0.1", port: 0)! }
}

extension EventLoop {
  /// Runs, and fails the test instead of hanging it.
  func runToEnd(withinMilliseconds: Int = 20_000, _ place: SourceLocation = #_sourceLocation) {
    let watchdog = Timer(loop: self, holdsLoop: false) { [unowned self] in
      Issue.record("the loop did not end in time", sourceLocation: place)
      stop()
    }
    watchdog.start(milliseconds: withinMilliseconds)
    run()
  }
}

/// A peer outside of any loop: a blocking socket, for what libuv would not do.
struct RawPeer: ~Copyable {
  let descriptor: Int32

  init(to address: SocketAddress) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(status == 0)
  }

  func send(_ text: String) { _ = Glibc.send(descriptor, text, text.utf8.count, 0) }

  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with RST instead of FIN.
  consuming func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }

  deinit { close(descriptor) }
}
