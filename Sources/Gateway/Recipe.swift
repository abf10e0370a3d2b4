import Bytes
import Model

/// Everything that decides what is in one list: the same for a miss, a refresh, `precompute` and warming.
struct Recipe {
  let served: ServedModel
  /// Index in `Placements`.
  let placement: Int
  let policy: PlacementPolicy
  let subject: Subject
  let bucket: ContextBucket
  var filter = ItemFilter.none
  var variant = Variant.standard
  /// The user's window when the list is the user's.
  var window: [UInt8]?

  init(served: ServedModel, placement: Int, policy: PlacementPolicy, subject: Subject, bucket: ContextBucket) {
    self.served = served
    self.placement = placement
    self.policy = policy
    self.subject = subject
    self.bucket = bucket
    filter = policy.filter
    variant = (try? policy.variant(filter: .none)) ?? .standard
  }

  func append(keyTo key: inout ByteBuffer) {
    served.keys[placement].append(subject, bucket, variant, to: &key)
  }

  /// Whether a stored list is one that this recipe would make: a user's list must be younger than the user's last
  /// interaction, or it would not reflect it.
  func accepts(_ list: borrowing RenderedList) -> Bool {
    guard let newest = newestInteraction else { return true }
    return list.createdAt > newest
  }

  /// Whether who wants this list may wait for one that is made by `other`.
  func isAnswered(by other: Recipe) -> Bool { window == other.window }

  /// Unix seconds of the newest interaction that the list must reflect.
  private var newestInteraction: UInt32? {
    guard let window, let read = try? Window(window.span.bytes), read.count > 0 else { return nil }
    return read.time(0)
  }
}
