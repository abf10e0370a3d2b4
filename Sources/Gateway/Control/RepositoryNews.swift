import Logging
import Publishing

/// What has been logged of the repository: it is looked at every two seconds, and each thing is said once, until it
/// changes.
struct RepositoryNews {
  private let log: Logger
  private var problem: PublishError?
  private var advice: String?
  /// A version that fails for a passing reason is tried again at every look.
  private var rejections: [ModelIdentity: PublishError] = [:]

  init(_ log: Logger) { self.log = log }

  /// Whether it could be read.
  mutating func note(_ failure: PublishError?) {
    defer { problem = failure }
    guard let failure, failure != problem else { return }
    log.warning("the repository cannot be read; what serves goes on", metadata: ["reason": "\(failure)"])
  }

  /// A version that could not be loaded.
  mutating func note(_ error: PublishError, of version: ModelIdentity) {
    guard rejections.updateValue(error, forKey: version) != error else { return }
    log.error(
      "version rejected; what serves goes on",
      metadata: ["version": "\(version)", "reason": "\(error.reason.rawValue)", "detail": "\(error.detail)"])
  }

  mutating func forget(_ version: ModelIdentity) { rejections[version] = nil }

  /// A version that is about to be loaded.
  func noteFound(_ version: ModelIdentity) {
    if rejections[version] == nil { log.info("version found", metadata: ["version": "\(version)"]) }
  }

  /// What the operator should do so that something serves. `wanted`: models that are named somewhere; nil for whatever
  /// there is.
  mutating func note(_ listings: [String: RepositoryListing], wanted: [String]?, isServing: Bool, in path: String) {
    let next = RepositoryNews.advice(listings, wanted: wanted, isServing: isServing)
    defer { advice = next }
    guard let next, next != advice else { return }
    log.warning("\(next)", metadata: ["repository": "\(path)"])
  }

  /// Nil when all is in order.
  static func advice(_ listings: [String: RepositoryListing], wanted: [String]?, isServing: Bool) -> String? {
    if wanted == nil && listings.count > 1 {
      return "the repository has several models: name one with --model, or one a placement: "
        + listings.keys.sorted().joined(separator: ", ")
    }
    guard listings.values.allSatisfy({ $0.versions.isEmpty && $0.faults.isEmpty }) else { return nil }
    guard !isServing else { return "the repository has no snapshot any more; what serves goes on" }
    let models = wanted.map { " of " + $0.joined(separator: ", ") } ?? ""
    return "nothing serves yet: the repository has no snapshot\(models); `needletail train` publishes one"
  }
}
