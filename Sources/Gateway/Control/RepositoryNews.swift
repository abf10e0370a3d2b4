import Logging
import Publishing

/// What has been logged of the repository: it is looked at every two seconds, and each thing is said once, until it
/// changes.
struct RepositoryNews {
  private let log: Logger
  private var problem: PublishError?
  private var faults: [String: PublishError] = [:]
  private var advice: String?

  init(_ log: Logger) { self.log = log }

  /// Whether it could be read.
  mutating func note(_ failure: PublishError?) {
    defer { problem = failure }
    guard let failure, failure != problem else { return }
    log.warning("the repository cannot be read; what serves goes on", metadata: ["reason": "\(failure)"])
  }

  /// A version whose manifest does not check out.
  mutating func note(_ fault: PublishError, of version: Int, _ model: String) {
    let name = "\(model)/\(version)"
    guard faults.updateValue(fault, forKey: name) != fault else { return }
    log.error("version refused", metadata: ["version": "\(name)", "reason": "\(fault.reason.rawValue)", "detail": "\(fault.detail)"])
  }

  /// What the operator should do so that something serves; nil when that is in order.
  mutating func note(advice: String?, about path: String) {
    defer { self.advice = advice }
    guard let advice, advice != self.advice else { return }
    log.warning("\(advice)", metadata: ["repository": "\(path)"])
  }
}
