internal import Ranking
internal import Retrieval
internal import Snapshots

// What is known of an item lies in some ten places of a file of hundreds of megabytes, and hardly any of it in a cache:
// read one after the other, 100 items' texts took 70 µs at a million items, each of some 700 reads waiting its 100 ns.
// Reads that do not depend on each other overlap in the processor, ten and more at a time. So these loops read a byte of
// every cache line that is about to be needed and do nothing else: the reads wait together, and the work finds them done.
extension ServingModel {
  /// Of candidates: popularity, time of publication and, if they matter, where the categories stand, then these.
  func touchFeatures(_ hits: Span<Hit>, _ scratch: ComputeScratch) {
    var sum: UInt64 = 0
    for place in hits.indices {
      let item = hits[place].item
      sum &+= UInt64(popularity[Int(item)].bitPattern) &+ UInt64(published[Int(item)])
    }
    if !scratch.affinity.isEmpty {
      for place in hits.indices { sum &+= categories.start(of: hits[place].item) }
      for place in hits.indices { sum &+= categories.first(of: hits[place].item) }
    }
    scratch.touched = sum
  }

  /// Of a list's items: hash, id and metadata.
  func touchTexts(_ list: [RankedItem], _ scratch: ComputeScratch) {
    var sum: UInt64 = 0
    for place in list {
      sum &+= itemHash(place.item) &+ ids.start(of: place.item) &+ metadata.start(of: place.item)
    }
    for place in list { sum &+= ids.touch(place.item) &+ metadata.touch(place.item) }
    scratch.touched = sum
  }
}
