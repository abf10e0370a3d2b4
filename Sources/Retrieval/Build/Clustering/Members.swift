/// The items of each list, lists one after another. Inside a list items keep the order that they came in, so that sums
/// over them are the same whoever adds them.
struct Members {
  /// List l holds `items[starts[l] ..< starts[l + 1]]`.
  let starts: [Int]
  let items: AlignedStorage<UInt32>

  /// - Parameters:
  ///   - near: the list of each of `items`, or of items 0, 1, 2 ...
  init(of near: AlignedStorage<UInt32>, items given: [UInt32]? = nil, lists: Int) {
    var starts = [Int](repeating: 0, count: lists + 1)
    for place in 0..<near.count { starts[Int(near.base[place]) + 1] += 1 }
    for list in 0..<lists { starts[list + 1] += starts[list] }
    items = AlignedStorage(count: near.count)
    var next = starts
    for place in 0..<near.count {
      let list = Int(near.base[place])
      items.base[next[list]] = given?[place] ?? UInt32(place)
      next[list] += 1
    }
    self.starts = starts
  }

  func range(_ list: Int) -> Range<Int> { starts[list]..<starts[list + 1] }
  func count(_ list: Int) -> Int { starts[list + 1] - starts[list] }
}
