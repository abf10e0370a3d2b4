public import Bytes
public import Model

/// What is packed into a snapshot: factors that some trainer made, and what is known of items and users besides.
public struct PackOptions: Sendable {
  /// Files of vectors, a row an item and a row a user: `.npy` or safetensors.
  public var items: String
  public var users: String?
  /// What the rows are called: text, an id a line, or `.npy` of integers. Without, what the file of vectors says itself;
  /// else rows are called by their numbers, from 0.
  public var itemIds: String?
  public var userIds: String?
  /// Titles, categories, times and popularity of items: CSV with a header, or JSON lines.
  public var metadata: String?
  /// Who met what: gives history, popularity and trends. Whatever `train` reads.
  public var interactions: String?
  /// Centroids of segments; nil to form segments here.
  public var centroids: String?
  /// How segments are formed.
  public var segments = SegmentSettings()
  /// What is popular: CSV with a header of item and, if given, score and segment.
  public var trending: String?
  /// Items that are never shown: text, an id a line.
  public var withheld: String?
  /// Queries that must be answered, and how (`PackedProbes`).
  public var probes: String?
  /// Ranking weights by placement, JSON.
  public var ranking: String?
  public var metric = Metric.dot
  /// What the factors were trained with, for fold-in. Factors of another kind of model take the defaults.
  public var foldIn = ALSSettings()
  /// Users are hashed under it; it has to be the gateways' own. Needed for users.
  public var identity: IdentityKey?
  /// The share of broken rows above which a file of text is refused.
  public var brokenShareMax = BrokenRows.defaultShareMax
  public var seed: UInt64 = 1
  /// Where the snapshot goes; a file there is replaced when the new one is whole.
  public var snapshotPath: String

  public init(items: String, snapshotPath: String) {
    self.items = items
    self.snapshotPath = snapshotPath
  }

  /// Refuses what makes no sense before any file is read.
  func check() throws(TrainError) {
    func require(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(TrainError) {
      if !holds { throw TrainError(.badSetting, sentence()) }
    }
    try require(users != nil || userIds == nil, "ids of users need their vectors: name the file with --users")
    try require(
      users != nil || interactions == nil,
      "interactions need the vectors of the users that they speak of: name the file with --users")
    try require(users == nil || identity != nil, "users are hashed, which needs an identity key")
    try require(
      (0...1).contains(brokenShareMax), "the share of broken rows must be within 0...1, not \(brokenShareMax)")
    try require(
      centroids == nil || segments.count == nil, "segments are either given by centroids or formed, not both")
    let segmentsMax = Segmenter.segmentsMax
    try require(
      segments.count.map { (1...segmentsMax).contains($0) } ?? true,
      "the number of segments must be within 1...\(segmentsMax), not \(segments.count ?? 0)")
    try require(
      foldIn.alpha0 >= 0 && foldIn.alpha0.isFinite && foldIn.lambda > 0 && foldIn.lambda.isFinite && foldIn.nu >= 0
        && foldIn.nu.isFinite,
      "fold-in needs α₀ and ν of at least 0 and λ above 0, not \(foldIn.alpha0), \(foldIn.nu) and \(foldIn.lambda)")
  }
}
