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
    variant = (try? policy.variant(filter: .none)) ?? .standard
  }

  /// Makes the list and appends it. O(search): some 100 µs.
  func render(
    keyHash: UInt64, now: UInt32, scratch: ComputeScratch, into list: inout ByteBuffer
  ) throws(RenderFailure) {
    let query = ListQuery(
      subject: subject, context: bucket, filter: filter, keyHash: keyHash, now: creationTime(now: now))
    guard let window else {
      _ = try served.model.render(query, for: policy, scratch: scratch, into: &list)
      return
    }
    _ = try served.model.render(
      query, for: policy, window: try? Window(window.span.bytes), scratch: scratch, into: &list)
  }

  func append(keyTo key: inout ByteBuffer) {
    served.keys[placement].append(subject, bucket, variant, to: &key)
  }

  /// Whether a stored list is one that this recipe would make: a user's list must be younger than the user's last
  /// interaction, or it would not reflect it.
  func accepts(_ list: borrowing RenderedList) -> Bool { list.createdAt >= reflectsAt }

  /// Whether who wants this list may wait for one that is made by `other`.
  func isAnswered(by other: Recipe) -> Bool { window == other.window }

  /// The earliest creation time that says "with all of the window": one second after the newest interaction, which is
  /// at least a second after the one before it. 0 without a window.
  private var reflectsAt: UInt32 {
    guard let window, let read = try? Window(window.span.bytes), read.count > 0 else { return 0 }
    return read.time(0) == .max ? .max : read.time(0) + 1
  }

  /// When a list that is made now counts as made.
  func creationTime(now: UInt32) -> UInt32 { max(now, reflectsAt) }
}
