public import Snapshots

extension VectorIndex {
  /// The first item whose exact row holds an infinity or no number; nil when there is none. Opening an index does not look
  /// at its rows. O(items × dimension), as fast as memory gives them.
  public func firstItemNotFinite() -> UInt32? {
    (0..<view.count).first { !isFinite(view.row($0)) }.map(UInt32.init)
  }

  /// By exponents, whose maximum needs no branch: all ones is what is infinite or no number.
  private func isFinite(_ row: UnsafePointer<Float>) -> Bool {
    var largest: UInt32 = 0
    for place in 0..<view.dimension { largest = max(largest, row[place].bitPattern & 0x7F80_0000) }
    return largest != 0x7F80_0000
  }
}

extension VectorIndex {
  /// Bytes that opening an index copies out of its file, by the sizes of its sections: the codes of a large one, with the
  /// room that huge pages are aligned in.
  public static func bytesCopied(_ size: (SectionTag) -> Int) -> Int {
    guard size(IndexTag.steps) >= HugePages.bytesMin else { return 0 }
    return size(IndexTag.cells) + size(IndexTag.steps) + 2 * HugePages.pageBytes
  }
}
