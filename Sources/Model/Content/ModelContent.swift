public import Bytes
public import Ranking
public import Retrieval

/// Everything a snapshot holds, as plain arrays: the trainer fills it, `write(to:)` makes the file.
///
/// Items, users and segments are numbered by their place here. All matrices are row-major.
public struct ModelContent: Sendable {
  public struct Item: Sendable {
    /// 1…255 bytes of UTF-8, unique.
    public var id: String
    /// Empty when there is none.
    public var title: String
    public var categories: [String]
    /// Further members of the answer's `metadata`, as strings.
    public var metadata: [(name: String, value: String)]
    /// Unix seconds; 0 is unknown.
    public var publishedAt: UInt32
    /// 0…1.
    public var popularity: Float

    public init(
      id: String, title: String = "", categories: [String] = [], metadata: [(name: String, value: String)] = [],
      publishedAt: UInt32 = 0, popularity: Float = 0
    ) {
      self.id = id
      self.title = title
      self.categories = categories
      self.metadata = metadata
      self.publishedAt = publishedAt
      self.popularity = popularity
    }
  }

  public struct User: Sendable {
    public var hash: UserHash
    public var segment: UInt16
    /// Items that need not be shown again, ascending.
    public var seen: [UInt32]

    public init(hash: UserHash, segment: UInt16, seen: [UInt32]) {
      self.hash = hash
      self.segment = segment
      self.seen = seen
    }
  }

  /// One place of a trending list.
  public struct Trending: Sendable, Equatable {
    public var item: UInt32
    public var score: Float

    public init(item: UInt32, score: Float) {
      self.item = item
      self.score = score
    }
  }

  /// What makes a user out of a window, as iALS made users out of histories (`FoldIn`).
  public struct FoldInSettings: Sendable {
    /// HᵀH over all items of the training, dimension × dimension.
    public var gram: [Float]
    public var alpha0, lambda, nu: Float
    /// |I|: items that the training had.
    public var itemCount: Int

    public init(gram: [Float], alpha0: Float, lambda: Float, nu: Float, itemCount: Int) {
      self.gram = gram
      self.alpha0 = alpha0
      self.lambda = lambda
      self.nu = nu
      self.itemCount = itemCount
    }
  }

  /// 1…1024.
  public var dimension: Int
  public var metric: Metric
  public var items: [Item] = []
  /// Items × dimension.
  public var itemVectors: [Float] = []
  /// Numbers of items that are never shown, ascending.
  public var withheldItems: [UInt32] = []
  public var users: [User] = []
  /// Users × dimension, in the order of `users`.
  public var userVectors: [Float] = []
  /// Segments × dimension; at least one segment.
  public var segmentCentroids: [Float] = []
  /// The segment of a context, by the bucket's code (`ContextBucket.code`); `*` is for everybody else.
  public var contextSegments: [(code: String, segment: UInt16)] = []
  /// Best first, at most `trendingMax`; the rest is left out.
  public var trendingGlobal: [Trending] = []
  /// One list a segment; may be shorter than the number of segments, or its lists empty.
  public var trendingBySegment: [[Trending]] = []
  public var foldIn: FoldInSettings
  /// By placement; `default` for the others.
  public var ranking: [String: RankingWeights] = [:]
  /// Queries × dimension whose exact answers go into the file; empty: users and items stand in.
  public var probeQueries: [Float] = []
  /// Settings, data digest and the like, for people.
  public var provenance: [String: String] = [:]
  /// What the evaluation measured, as in `recall@20`.
  public var metrics: [String: Double] = [:]
  /// `IdentityKey.fingerprint` of the key under which `users` are hashed; empty without users.
  public var identityKeyFingerprint = ""
  /// Of the index; the same content and seed give the same bytes.
  public var seed: UInt64 = 42

  public static let idBytesMax = Window.idBytesMax
  /// Places of one trending list: what a page may need after leaving out all that a user has seen.
  public static let trendingMax = 1_000
  /// Segments are numbered in 16 bits.
  public static let segmentsMax = 1 << 16
  /// Members of `metadata` and categories of one item; bytes of its JSON.
  public static let metadataBytesMax = 16 << 10

  public init(dimension: Int, metric: Metric = .dot, foldIn: FoldInSettings) {
    self.dimension = dimension
    self.metric = metric
    self.foldIn = foldIn
  }

  public var segmentCount: Int { dimension > 0 ? segmentCentroids.count / dimension : 0 }
}

/// Why content cannot become a snapshot. Whoever made the content is to blame, unless it is the disk.
public enum ModelContentError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Something in the arrays; a sentence that names it.
  case invalid(String)
  case cannotWrite(String)

  public var description: String {
    switch self {
    case .invalid(let sentence): "the model cannot be written: \(sentence)"
    case .cannotWrite(let reason): reason
    }
  }
}
