import Reactor
import Testing

/// The two kinds of loop. What handlers may rely on is tested on both, so that the simulator keeps libuv's promises.
enum Core: String, CaseIterable, CustomTestStringConvertible {
  case libuv, simulated

  func loop() -> EventLoop {
    switch self {
    case .libuv: try! EventLoop()
    case .simulated: EventLoop(simulated: SimulatedWorld(seed: 1))
    }
  }

  var testDescription: String { rawValue }
}
