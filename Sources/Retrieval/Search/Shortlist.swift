internal import CKernels

/// The best `keep` of the keys that pass by: a buffer that is filled, cut to `keep` and filled again. Its threshold rises
/// with each cut, so soon few keys enter at all. A heap would cost a branch miss per key.
struct Shortlist {
  let keys: UnsafeMutablePointer<UInt64>
  let room: Int
  let keep: Int
  private(set) var count = 0
  /// Scores up to this one cannot be among the best.
  private(set) var threshold = -Float.infinity

  init(_ keys: UnsafeMutablePointer<UInt64>, keep: Int) {
    self.keys = keys
    self.keep = keep
    room = min(2 * keep + 8 * tileVectors, SearchScratch.keysMax)
  }

  /// Scans every tile of the job.
  mutating func scan(_ job: borrowing nt_scan_job, _ kernels: Kernels) {
    var position = 0
    withUnsafePointer(to: job) { job in
      while position < job.pointee.block_count {
        count += kernels.table.pointee.scan_i8(job, &position, threshold, keys + count, room - count)
        if room - count < tileVectors { cut() }
      }
    }
  }

  /// Takes scores that belong to `items`, or to `first`, `first + 1`, … without any. A score that is not finite never
  /// enters.
  mutating func offer(_ scores: UnsafePointer<Float>, items: UnsafePointer<UInt32>?, first: Int, _ scoreCount: Int) {
    for index in 0..<scoreCount where scores[index] >= threshold && scores[index].isFinite {
      if count == room { cut() }
      keys[count] = nt_key(scores[index], items.map { $0[index] } ?? UInt32(first + index))
      count += 1
    }
  }

  /// Leaves the best `keep`, in no order.
  mutating func cut() {
    guard count > keep else { return }
    nt_select_keys(keys, count, keep)
    count = keep
    var worst = keys[0]
    for index in 1..<keep { worst = min(worst, keys[index]) }
    threshold = nt_key_score(worst)
  }

  /// Leaves the best `keep`, best first.
  mutating func finish() {
    cut()
    nt_sort_keys(keys, count)
  }
}
