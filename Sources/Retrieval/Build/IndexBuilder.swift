internal import CKernels
internal import Glibc

/// Why vectors cannot become an index. The maker of the vectors is to blame; no retry helps.
public enum IndexBuildError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `count × dimension` floats were promised.
  case shape(expected: Int, got: Int)
  case dimensionOutOfRange(Int)
  case countOutOfRange(Int)
  /// This item's vector has a value that is not finite, or a norm whose square a float cannot hold.
  case notFinite(item: Int)

  public var description: String {
    switch self {
    case .shape(let expected, let got): "\(got) floats given where count × dimension is \(expected)"
    case .dimensionOutOfRange(let dimension): "\(dimension) dimensions, 1 to \(VectorIndex.dimensionMax) are possible"
    case .countOutOfRange(let count): "\(count) items, 0 to \(VectorIndex.itemsMax) are possible"
    case .notFinite(let item): "the vector of item \(item) is not finite, or its norm is too large for a float"
    }
  }
}

/// What a build is doing, with the share of that step that is done.
public enum IndexBuildStep: String, Sendable {
  case clustering, assigning, packing, calibrating
}

/// Makes an index out of vectors. The same vectors, queries and seed give the same bytes on every machine and any number
/// of threads.
public enum IndexBuilder {
  public typealias Progress = (IndexBuildStep, Double) -> Void

  /// Up to here a search scans every item: 128 KB of cells at 128 dimensions.
  public static let flatItemsMax = 4_096

  /// Of a build; more do not change its bytes.
  static let threads = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  /// - Parameters:
  ///   - vectors: `count × dimension`, row-major.
  ///   - calibration: queries such as users send, row-major, at least some hundreds: budgets are set on them. Without
  ///     any, mixtures of items stand in.
  ///   - progress: called now and then on this thread.
  ///
  /// Takes about `count × lists × dimension / 60 G/s` on one core, and the memory of the vectors twice over.
  public static func build(
    vectors: UnsafeBufferPointer<Float>, count: Int, dimension: Int, metric: Metric, seed: UInt64,
    calibration: [Float]? = nil, kernels: Kernels = .active, progress: Progress? = nil
  ) throws(IndexBuildError) -> BuiltIndex {
    guard dimension >= 1, dimension <= VectorIndex.dimensionMax else { throw .dimensionOutOfRange(dimension) }
    guard count >= 0, count <= VectorIndex.itemsMax else { throw .countOutOfRange(count) }
    guard vectors.count == count * dimension else { throw .shape(expected: count * dimension, got: vectors.count) }
    if let calibration, calibration.count % dimension != 0 {
      throw .shape(expected: (calibration.count / dimension + 1) * dimension, got: calibration.count)
    }
    let index = try pack(
      vectors: vectors, count: count, dimension: dimension, metric: metric, seed: seed, kernels: kernels,
      progress: progress)
    index.efforts = Calibration(index.view, queries: calibration, seed: seed, kernels: kernels).measure(progress)
    return index
  }

  /// All but the budgets: every effort scans every block.
  static func pack(
    vectors: UnsafeBufferPointer<Float>, count: Int, dimension: Int, metric: Metric, seed: UInt64,
    kernels: Kernels = .active, progress: Progress? = nil
  ) throws(IndexBuildError) -> BuiltIndex {
    let rows = try ExactRows(vectors, count: count, dimension: dimension, metric: metric, kernels: kernels)
    let lists = count <= flatItemsMax ? nil : Lists.cluster(
      rows, lists: ListCount.of(rows), seed: seed, kernels: kernels, progress: progress)
    let index = BlockPacker(rows: rows, lists: lists, metric: metric, seed: seed, kernels: kernels).pack(progress)
    index.efforts = Calibration.everything(VectorIndex(index.view, .empty))
    return index
  }

  public static func build(
    vectors: [Float], count: Int, dimension: Int, metric: Metric, seed: UInt64, calibration: [Float]? = nil,
    kernels: Kernels = .active, progress: Progress? = nil
  ) throws(IndexBuildError) -> BuiltIndex {
    var result: Result<BuiltIndex, IndexBuildError>?
    vectors.withUnsafeBufferPointer { vectors in
      do throws(IndexBuildError) {
        result = .success(
          try build(
            vectors: vectors, count: count, dimension: dimension, metric: metric, seed: seed,
            calibration: calibration, kernels: kernels, progress: progress))
      } catch { result = .failure(error) }
    }
    return try result!.get()
  }
}

/// The exact rows of an index under construction, and their norms as given.
struct ExactRows {
  let storage: AlignedStorage<Float>
  let norms: [Float]
  let count: Int
  let dimension: Int

  init(
    _ vectors: UnsafeBufferPointer<Float>, count: Int, dimension: Int, metric: Metric, kernels: Kernels
  ) throws(IndexBuildError) {
    let storage = AlignedStorage<Float>(count: count * dimension)
    var norms = [Float](repeating: 0, count: count)
    for item in 0..<count {
      let (source, target) = (vectors.baseAddress! + item * dimension, storage.base + item * dimension)
      let norm = kernels.dot(source, source, dimension).squareRoot()
      guard norm.isFinite else { throw .notFinite(item: item) }
      let isUnit = metric == .cosine && norm > Search.smallestNorm
      nt_scale(source, isUnit ? 1 / norm : 1, dimension, target)
      norms[item] = isUnit ? 1 : norm
    }
    self.storage = storage
    self.norms = norms
    self.count = count
    self.dimension = dimension
  }

  func row(_ item: Int) -> UnsafePointer<Float> { UnsafePointer(storage.base + item * dimension) }
}
