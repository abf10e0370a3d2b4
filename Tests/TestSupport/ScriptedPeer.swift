internal import Glibc
internal import Synchronization

/// A real TCP server that says what a test wants it to: garbage, half a reply, another's reply, or nothing.
///
/// The script runs once per connection, on the peer's own thread, one connection after the other; when it returns the
/// connection is closed. It is given the number of the connection, from 0.
public final class ScriptedPeer {
  public typealias Script = @Sendable (borrowing BlockingSocket, _ connection: Int) -> Void

  public let port: Int
  public var address: String { "127.0.0.1:\(port)" }
  private let shared: Shared
  private var thread = pthread_t()

  /// Connections taken so far.
  public var connections: Int { shared.connections.load(ordering: .acquiring) }

  private final class Shared: Sendable {
    let stopped = Atomic(false)
    let connections = Atomic(0)
  }

  private final class Start {
    let listener: BlockingListener
    let shared: Shared
    let script: Script
    init(listener: consuming BlockingListener, shared: Shared, script: @escaping Script) {
      self.listener = listener
      self.shared = shared
      self.script = script
    }

    func run() {
      while !shared.stopped.load(ordering: .acquiring) {
        guard let socket = listener.accept(timeoutMilliseconds: 20) else { continue }
        let (number, _) = shared.connections.add(1, ordering: .acquiringAndReleasing)
        script(socket, number)
      }
    }
  }

  public init(_ script: @escaping Script) {
    let listener = BlockingListener()
    port = listener.port
    shared = Shared()
    let start = Start(listener: listener, shared: shared, script: script)
    let status = pthread_create(
      &thread, nil,
      {
        Unmanaged<Start>.fromOpaque($0!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    precondition(status == 0)
  }

  /// Waits for the script that runs; scripts end by themselves when their peer closes or falls silent.
  deinit {
    shared.stopped.store(true, ordering: .releasing)
    pthread_join(thread, nil)
  }
}
