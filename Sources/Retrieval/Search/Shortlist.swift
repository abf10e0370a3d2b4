internal import CKernels

/// The best `keep` of the keys that pass by: a buffer that is filled, cut to `keep` and filled again. Its threshold rises
/// with each cut, so soon few keys enter at all. A heap would cost a branch miss per key.
struct Shortlist {
  let keys: UnsafeMutablePointer<UInt64>
  private let scratch: SearchScratch
  let room: Int
  let keep: Int
  private(set) var count = 0
  /// Scores up to this one cannot be among the best.
  private(set) var threshold = -Float.infinity

  init(_ scratch: SearchScratch, keep: Int) {
    self.scratch = scratch
    self.keep = keep
    keys = scratch.keys
    room = min(max(4 * keep, Self.roomMin), SearchScratch.keysMax)
  }

  /// Cuts cost about a nanosecond a key; with less room there would be more of them than blocks call for.
  private static let roomMin = 1536

  /// Scans every block of the job.
  mutating func scan(_ job: borrowing nt_scan_job) {
    var position = 0
    withUnsafePointer(to: job) { job in
      while position < job.pointee.block_count {
        count += scratch.kernels.table.pointee.scan_u2(job, &position, threshold, keys + count, room - count)
        if room - count < blockItems { cut() }
      }
    }
  }

  /// Takes out the excluded, leaves the best `keep` of the others in no order, and returns how many of the excluded were
  /// better than the `wanted`th of those: they would have been answered.
  mutating func drop(_ excluded: ExcludedItems, items: UnsafePointer<UInt32>, keep: Int, wanted: Int) -> Int {
    var (kept, dropped) = (0, 0)
    for place in 0..<count {
      let key = keys[place]
      if excluded.contains(items[Int(nt_key_id(key))]) {
        scratch.spareKeys[dropped] = key
        dropped += 1
      } else {
        keys[kept] = key
        kept += 1
      }
    }
    // Selecting needs the spare, and writes some keys beyond those that it selects from.
    let others = keys + kept + Int(NT_KEY_SLACK)
    others.update(from: scratch.spareKeys, count: dropped)
    count = min(kept, keep)
    scratch.kernels.select(keys, kept, keep: count, spare: scratch.spareKeys)
    guard dropped > 0, kept >= wanted else { return dropped }
    scratch.kernels.table.pointee.split_keys(keys, count, wanted, scratch.spareKeys)
    let last = smallest(keys, wanted)
    var displaced = 0
    for place in 0..<dropped where others[place] > last { displaced += 1 }
    return displaced
  }

  /// Takes scores that belong to `items`, or to `first`, `first + 1`, … without any. A score that is not finite never
  /// enters.
  mutating func offer(
    _ scores: UnsafePointer<Float>, items: UnsafePointer<UInt32>?, first: Int, _ scoreCount: Int,
    but excluded: ExcludedItems? = nil
  ) {
    for index in 0..<scoreCount where scores[index] >= threshold && scores[index].isFinite {
      let item = items.map { $0[index] } ?? UInt32(first + index)
      if let excluded, excluded.contains(item) { continue }
      if count == room { cut() }
      keys[count] = nt_key(scores[index], item)
      count += 1
    }
  }

  /// Leaves the best `keep`, in no order.
  mutating func cut() {
    guard count > keep else { return }
    scratch.kernels.select(keys, count, keep: keep, spare: scratch.spareKeys)
    count = keep
    threshold = nt_key_score(smallest(keys, keep))
  }

  /// Scores what is left with the finer codes, and leaves the best `fewer` by those, in no order.
  mutating func refine(_ job: borrowing nt_refine_job, keep fewer: Int) {
    withUnsafePointer(to: job) { scratch.kernels.table.pointee.refine_u4($0, keys, count) }
    guard count > fewer else { return }
    scratch.kernels.select(keys, count, keep: fewer, spare: scratch.spareKeys)
    count = fewer
  }

  /// Leaves the best `keep`, best first.
  mutating func finish() {
    cut()
    scratch.kernels.table.pointee.sort_keys(keys, count, scratch.spareKeys)
  }
}
