internal import Bytes
internal import Snapshots

/// The users of the training: who they are, their segment, vector and seen items.
///
///     usr.hash  u64 high, u32 low of each hash, ascending; u32 bits; u32 first user of each prefix of so many bits, and one more
///     usr.seg   u16 segment
///     usr.vec   f32 value of a step; i16 × dimension
///     usr.seen  rows of item numbers
///
/// Vectors are 16-bit numbers of steps, the largest value of each row 32,767 of them: half the bytes of floats, and an
/// error of at most 1/65,534 of that value, which moves no score by as much as the index's own rounding.
struct UserTable: Sendable {
  private let high: Column<UInt64>
  private let low: Column<UInt32>
  private let prefixBits: UInt64
  private let prefixes: Column<UInt32>
  private let segments: Column<UInt16>
  private let steps: Column<Float>
  private let codes: Column<Int16>
  private let seenRows: NumberRows
  private let dimension: Int

  var count: Int { high.count }

  init(_ snapshot: Snapshot, _ head: ModelHead) throws(SnapshotError) {
    dimension = head.dimension
    let count = head.users
    (high, low, prefixBits, prefixes) = try snapshot.read(ModelTag.userHashes) {
      (reader) throws(SnapshotError) -> (Column<UInt64>, Column<UInt32>, UInt64, Column<UInt32>) in
      let high = try reader.column(of: UInt64.self, count: count)
      let low = try reader.column(of: UInt32.self, count: count)
      let bits = try reader.count(max: 30)
      let prefixes = try reader.column(of: UInt32.self, count: (1 << bits) + 1)
      try Self.checkHashes(reader, high, low, UInt64(bits), prefixes)
      return (high, low, UInt64(bits), prefixes)
    }
    segments = try snapshot.read(ModelTag.userSegments) { (reader) throws(SnapshotError) in
      let segments = try reader.column(of: UInt16.self, count: count)
      guard segments.allSatisfy({ $0 < head.segments }) else {
        throw reader.invalid("has a user in a segment that is not there")
      }
      return segments
    }
    (steps, codes) = try snapshot.read(ModelTag.userVectors) {
      (reader) throws(SnapshotError) -> (Column<Float>, Column<Int16>) in
      (try reader.finite(count), try reader.column(of: Int16.self, count: count * head.dimension))
    }
    seenRows = try snapshot.read(ModelTag.seen) { (reader) throws(SnapshotError) in
      try NumberRows(from: &reader, rows: count, below: head.items)
    }
  }

  func hash(_ user: Int) -> UserHash { UserHash(high: high[user], low: low[user]) }
  func segment(_ user: Int) -> Int { Int(segments[user]) }
  func seen(_ user: Int) -> Column<UInt32> { seenRows[user] }

  /// A few cache misses: the prefix leads to about four users.
  func find(_ hash: UserHash) -> Int? {
    let prefix = Int(truncatingIfNeeded: hash.high >> (64 - prefixBits))
    var (from, to) = (Int(prefixes[prefix]), Int(prefixes[prefix + 1]))
    while from < to {
      let middle = (from + to) / 2
      let other = self.hash(middle)
      if other == hash { return middle }
      if other < hash { from = middle + 1 } else { to = middle }
    }
    return nil
  }

  /// Writes the user's vector over `vector`, which has `dimension` elements.
  func copyVector(_ user: Int, to vector: inout [Float]) {
    let step = steps[user]
    for place in 0..<dimension { vector[place] = Float(codes[user * dimension + place]) * step }
  }

  private static func checkHashes(
    _ reader: borrowing SectionReader, _ high: Column<UInt64>, _ low: Column<UInt32>, _ bits: UInt64,
    _ prefixes: Column<UInt32>
  ) throws(SnapshotError) {
    guard prefixes[0] == 0, prefixes[prefixes.count - 1] == high.count else {
      throw reader.invalid("has prefixes over other users")
    }
    for prefix in 1..<prefixes.count where prefixes[prefix] < prefixes[prefix - 1] {
      throw reader.invalid("has prefixes that fall")
    }
    for user in 0..<high.count {
      let prefix = Int(truncatingIfNeeded: high[user] >> (64 - bits))
      guard prefixes[prefix] <= user, user < prefixes[prefix + 1] else {
        throw reader.invalid("has user \(user) under another prefix")
      }
      guard user == 0 || (high[user - 1], low[user - 1]) < (high[user], low[user]) else {
        throw reader.invalid("has user \(user) out of order, or twice")
      }
    }
  }
}

extension UserTable {
  /// `order`: the users by hash.
  static func write(
    _ users: [ModelContent.User], vectors: [Float], dimension: Int, order: [Int], to file: inout ModelFile
  ) throws(ModelContentError) {
    try file.add(ModelTag.userHashes, hashes(users, order))
    var segments = SectionBuilder()
    segments.column(order.map { users[$0].segment })
    try file.add(ModelTag.userSegments, segments)
    try file.add(ModelTag.userVectors, vectorCodes(vectors, dimension, order))
    var seen = SectionBuilder()
    NumberRows.write(order.map { users[$0].seen }, into: &seen)
    try file.add(ModelTag.seen, seen)
  }

  private static func hashes(_ users: [ModelContent.User], _ order: [Int]) -> SectionBuilder {
    var section = SectionBuilder()
    let high = order.map { users[$0].hash.high }
    section.column(high)
    section.column(order.map { users[$0].hash.low })
    var bits = 0
    while users.count >> (bits + 2) > 0 { bits += 1 }
    var prefixes = [UInt32](repeating: 0, count: (1 << bits) + 1)
    for hash in high { prefixes[Int(truncatingIfNeeded: hash >> (64 - UInt64(bits))) + 1] += 1 }
    for prefix in 1..<prefixes.count { prefixes[prefix] += prefixes[prefix - 1] }
    section.count(bits)
    section.column(prefixes)
    return section
  }

  private static func vectorCodes(_ vectors: [Float], _ dimension: Int, _ order: [Int]) -> SectionBuilder {
    var steps: [Float] = []
    var codes: [Int16] = []
    codes.reserveCapacity(vectors.count)
    for user in order {
      let row = vectors[user * dimension..<(user + 1) * dimension]
      // A row of subnormal numbers would have a step whose inverse is infinite: it counts as zero.
      let largest = row.reduce(0) { max($0, abs($1)) }
      let step = largest < 1e-30 ? 0 : largest / 32_767
      steps.append(step)
      for value in row { codes.append(step == 0 ? 0 : Int16((value / step).rounded())) }
    }
    var section = SectionBuilder()
    section.column(steps)
    section.column(codes)
    return section
  }
}
