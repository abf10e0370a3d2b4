import Bytes
import Model

/// Everything that decides what is in one list but the user's window: the same for a miss, a refresh, `precompute` and
/// warming.
struct Recipe {
  let shelf: Shelf
  let subject: Subject
  let bucket: ContextBucket
  var filter = ItemFilter.none
  var variant: Variant

  init(_ shelf: Shelf, _ subject: Subject, _ bucket: ContextBucket) {
    self.shelf = shelf
    self.subject = subject
    self.bucket = bucket
    variant = shelf.standardVariant
  }

  var policy: PlacementPolicy { _read { yield shelf.placement.policy } }

  /// Makes the list and appends it. `window`: of the user whose list it is, else empty. O(search): some 100 µs.
  func render(
    keyHash: UInt64, window: RawSpan, now: UInt32, scratch: ComputeScratch, into list: inout ByteBuffer
  ) throws(RenderFailure) {
    var nobody = NoStageReceiver()
    try render(keyHash: keyHash, window: window, now: now, telling: &nobody, scratch: scratch, into: &list)
  }

  /// The same, and tells `stages` of each stage when it ends.
  func render(
    keyHash: UInt64, window: RawSpan, now: UInt32, telling stages: inout some ComputeStageReceiver,
    scratch: ComputeScratch, into list: inout ByteBuffer
  ) throws(RenderFailure) {
    let query = ListQuery(
      subject: subject, context: bucket, filter: filter, keyHash: keyHash, now: max(now, Recipe.reflects(window)))
    guard window.byteCount > 0 else {
      _ = try shelf.served!.model.render(
        query, for: policy, availability: shelf.served!.availability, telling: &stages, scratch: scratch, into: &list)
      return
    }
    _ = try shelf.served!.model.render(
      query, for: policy, window: try? Window(window), availability: shelf.served!.availability, telling: &stages,
      scratch: scratch, into: &list)
  }

  func append(keyTo key: inout ByteBuffer) {
    shelf.served!.keys[shelf.index].append(subject, bucket, variant, to: &key)
  }

  /// The earliest creation time of a list that says "with all of the window": one second after the newest interaction,
  /// which is at least a second after the one before it. 0 without a window. A user's list must be younger than the
  /// user's last interaction, or it would not reflect it.
  static func reflects(_ window: RawSpan) -> UInt32 {
    guard window.byteCount > 0, let read = try? Window(window), read.count > 0 else { return 0 }
    return read.time(0) == .max ? .max : read.time(0) + 1
  }
}
